# Owns `make install` (with what `make bridges` has built), `make uninstall` and `make dist`: what goes into a system,
# and into a tarball. It builds no module.
#
# LuaJIT looks where Lua 5.1 does, and what is built for one serves both.
LIBDIR  = $(PREFIX)/lib
VERSION = $(shell sed -n 's/^\#define VERSION "\(.*\)"/\1/p' src/lua/module.c)
as_lua = $(subst luajit,lua5.1,$1)
INSTALLED = $(if $(filter lua5.1,$(LUAS)),$(filter-out luajit,$(LUAS)),$(LUAS))
STATIC = $(foreach l,$(INSTALLED),$(B)/$l/lib$(call as_lua,$l)-mtmsg.a)
pc_file = sed -e 's|@prefix@|$(PREFIX)|' -e 's|@includedir@|$(PREFIX)/include|' -e 's|@libdir@|$(LIBDIR)|' \
  -e 's|@PROJECT_VERSION@|$(VERSION)|' -e 's|@lua@|$2|' \
  -e 's|@libs@|$(strip -pthread $(SYSTEM))|' \
  packaging/pkgconfig/$1.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/$(if $2,$2-)mtmsg.pc
define install_one
	install -d $(DESTDIR)$(LIBDIR)/lua/$(2:lua%=%)
	install -m 755 $(B)/$1/mtmsg.$(SO) $(DESTDIR)$(LIBDIR)/lua/$(2:lua%=%)/
	$(if $(wildcard $(B)/$1/mtmsg/nats.$(SO)),install -d $(DESTDIR)$(LIBDIR)/lua/$(2:lua%=%)/mtmsg)
	$(if $(wildcard $(B)/$1/mtmsg/nats.$(SO)),install -m 755 $(B)/$1/mtmsg/nats.$(SO) \
	  $(DESTDIR)$(LIBDIR)/lua/$(2:lua%=%)/mtmsg/)
	install -m 644 $(B)/$1/lib$2-mtmsg.a $(DESTDIR)$(LIBDIR)/
	install -d $(DESTDIR)$(PREFIX)/share/lua/$(2:lua%=%)/mtmsg
	install -m 644 lua/mtmsg/*.lua $(DESTDIR)$(PREFIX)/share/lua/$(2:lua%=%)/mtmsg/
	$(call pc_file,static,$2)

endef
static: $(STATIC)
install: all static
	install -d $(DESTDIR)$(PREFIX)/include/mtmsg $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 include/mtmsg/*.h $(DESTDIR)$(PREFIX)/include/mtmsg/
	$(call pc_file,mtmsg)
	$(foreach l,$(INSTALLED),$(call install_one,$l,$(call as_lua,$l)))
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/mtmsg/editor/,library/mtmsg mtmsg)
	install -m 644 editor/config.json editor/mtmsg.d.tl $(DESTDIR)$(PREFIX)/share/mtmsg/editor/
	install -m 644 editor/mtmsg/*.d.tl $(DESTDIR)$(PREFIX)/share/mtmsg/editor/mtmsg/
	install -m 644 editor/library/mtmsg.lua $(DESTDIR)$(PREFIX)/share/mtmsg/editor/library/
	install -m 644 editor/library/mtmsg/*.lua $(DESTDIR)$(PREFIX)/share/mtmsg/editor/library/mtmsg/

# ci/test-install sees whether anything is left
OF_LUA = lua/$(1:lua%=%)/mtmsg.$(SO) lua/$(1:lua%=%)/mtmsg/nats.$(SO) lib$1-mtmsg.a pkgconfig/$1-mtmsg.pc
uninstall:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,pkgconfig/mtmsg.pc $(foreach l,$(filter-out luajit,$(KNOWN)),\
	  $(call OF_LUA,$l)))
	rm -rf $(addprefix $(DESTDIR)$(PREFIX)/,include/mtmsg share/mtmsg \
	  $(patsubst lua%,share/lua/%/mtmsg,$(filter lua%,$(filter-out luajit,$(KNOWN)))))
	@rmdir $(patsubst lua%,$(DESTDIR)$(LIBDIR)/lua/%/mtmsg,$(filter lua%,$(filter-out luajit,$(KNOWN)))) \
	  2>/dev/null || true

dist:
	ci/dist $(VERSION)

.PHONY: static install uninstall dist
