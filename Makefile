# What is built from what. Which tests exist stands in tests/suites, what a machine must have in ci/setup.
#
#   make             build/<lua>/mtmsg.so for every Lua found; LUA="lua5.4 luajit" restricts every target
#   make demo        install what is missing, build, count words with a pool of threads
#   make check       install what is missing, build, run every test; `make spec` and so on run one suite
#   make docs        build/site, the documentation as HTML (by pandoc); make figures draws its figures anew
#   make check-all   the same, and for every other platform that can be built for and run here (ci/platforms)
#   make install     into PREFIX (below DESTDIR): modules, static libraries, C headers, files for pkg-config and editors
#   make uninstall   removes from there what make install has put there, for every Lua
#   make dist        build/mtmsg-<version>.tar.gz
#   WERROR=1 makes warnings errors; V=1 shows commands; CC, CFLAGS, LDFLAGS as usual;
#   inc_lua5.4=-I… lib_lua5.4=… name a Lua that is not found by itself

ifeq ($(filter undefine,$(.FEATURES)),)
$(error this needs GNU make 3.82 or later, not $(MAKE_VERSION): on macOS install it with Homebrew and call gmake)
endif

B      = build
PREFIX = /usr/local
JOBS   = $(shell nproc 2>/dev/null || echo 2)
CFLAGS ?= -O2 -g
Q      = $(if $(V),,@)
MAKEFLAGS += --no-print-directory

# --- the Luas: inc_<lua> are its compiler flags, lib_<lua> what a program that embeds it is linked with
KNOWN = lua5.1 lua5.2 lua5.3 lua5.4 luajit lua5.5
PKG   = PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 pkg-config
DEPS  = build/deps
find_inc = $(or $(patsubst %/lua.h,-I%,$(wildcard $(DEPS)/$1/include/lua.h)),\
  $(shell $(PKG) --cflags $1 2>/dev/null),\
  $(patsubst %/lua.h,-I%,$(firstword $(wildcard $(patsubst %,/usr/include/%/lua.h,$1 $1-2.1)))))
find_lib = $(or $(wildcard $(DEPS)/$1/lib/lib$1.a),\
  $(wildcard $(shell $(PKG) --variable=libdir $1 2>/dev/null)/lib$1.a),\
  $(shell $(PKG) --libs $1 2>/dev/null),-l$(subst luajit,luajit-5.1,$1))
$(foreach l,$(KNOWN),$(eval inc_$l := $(call find_inc,$l)))
FOUND   := $(foreach l,$(KNOWN),$(if $(inc_$l),$l))
LUAS    := $(filter $(or $(LUA),$(KNOWN)),$(FOUND))
MISSING := $(filter-out $(LUAS),$(or $(LUA),$(if $(LUAS),,any)))
ONE      = $(or $(filter lua5.4,$(LUAS)),$(firstword $(LUAS)))

# --- flags
WARN = -Wall -Wextra -Wshadow -Wconversion -Wundef -Wstrict-prototypes $(if $(WERROR),-Werror)
SANFLAGS = $(if $(SAN),-fsanitize=$(SAN) $(NOSAN:%=-fno-sanitize=%) -fno-sanitize-recover=all \
  -fno-omit-frame-pointer)
FLAGS = -std=c11 $(CPPFLAGS) $(CFLAGS) $(WARN) -fPIC -fvisibility=hidden -fno-plt -pthread $(SANFLAGS) \
  $(ASSERTS) $(DEFS) -Isrc -Iinclude $(INC) -MMD -MP
ASSERTS = $(if $(SAN),,-DNDEBUG)
MODULE = -shared
EXPORT = -Wl,-E
KERNEL := $(shell uname -s)
SYSTEM = $(if $(filter Linux,$(KERNEL)),-ldl)
ifeq ($(KERNEL),Darwin)
MODULE = -bundle -undefined dynamic_lookup
EXPORT =
LACKS  = failmalloc pump sensor stepping_clock uv_notifier # what uses more than macOS has
endif
SO     = so
EXE    =
ifneq ($(findstring mingw,$(shell $(CC) -dumpmachine 2>/dev/null)),) # Windows, be it from elsewhere
SO     = dll
EXE    = .exe
MODULE = -shared -static-libgcc
EXPORT =
SYSTEM = -static -lsynchronization
LACKS  = failmalloc pump stepping_clock uv_notifier # what uses more than C and threads
endif
lua_lib = $(or $(lib_$1),$(call find_lib,$1))

# --- sources and products
CORE_SRC := $(wildcard src/platform/*.c src/core/*.c)
LUA_SRC  := $(wildcard src/capi/*.c src/ffi/*.c src/lua/*.c)
CORE_O   := $(CORE_SRC:src/%.c=$(B)/%.o)
DEBUG_O  := $(if $(SAN),$(CORE_O),$(CORE_SRC:src/%.c=$(B)/debug/%.o))
DEBUG_A   = $(B)/debug/core.a
lua_o     = $(LUA_SRC:src/%.c=$(B)/$1/%.o)
MODULES  := $(LUAS:%=$(B)/%/mtmsg.$(SO))
UNITS    := $(patsubst %.c,$(B)/%$(EXE),$(wildcard tests/unit/test_*.c))
NATIVE   := $(foreach l,$(LUAS),$(patsubst %.c,$(B)/$l/tests/%.$(SO),$(filter-out $(LACKS:%=%.c),\
  $(notdir $(wildcard tests/native/*.c examples/*.c)))))
HOST     := $(notdir $(basename $(wildcard tests/host/*.c tests/callgrind/*.c tests/fault/*.c)))
HOSTS    := $(foreach l,$(LUAS),$(HOST:%=$(B)/$l/tests/%$(EXE)))
PROBE    := $(if $(filter Linux,$(KERNEL)),$(notdir $(basename $(wildcard bench/probes/*.c)))) # they use futexes
PROBES   := $(foreach l,$(LUAS),$(PROBE:%=$(B)/$l/bench/%.so))

all: $(MODULES)
	$(if $(MISSING),@echo "make: no headers found for: $(MISSING) (found: $(or $(FOUND),none))" >&2; exit 1)

tests: all $(UNITS) $(NATIVE) $(HOSTS)

build = @$(if $(V),,printf '  %-5s %s\n' $1 $@;) mkdir -p $(@D)
compile = $(Q)$(CC) $(FLAGS) -Wswitch-enum -c -o $@ $<
link_module = $(Q)$(CC) $(FLAGS) $(MODULE) -o $@ $< $(LDFLAGS) $(LIBS) $(LUALIB) $(SYSTEM)
link_host = $(Q)$(CC) $(FLAGS) -o $@ $(filter %.c %.o,$^) $(LDFLAGS) $(call lua_lib,$1) $(SYSTEM) $(EXPORT) -lm

$(B)/%.o: src/%.c
	$(call build,CC)
	$(compile)

$(B)/debug/%.o: private ASSERTS =
$(B)/debug/%.o: src/%.c
	$(call build,CC)
	$(compile)

$(DEBUG_A): $(DEBUG_O)
	$(call build,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/unit/%: private ASSERTS =
$(B)/tests/unit/%$(EXE): tests/unit/%.c $(DEBUG_A)
	$(call build,LINK)
	$(Q)$(CC) $(FLAGS) -o $@ $< $(DEBUG_A) $(LDFLAGS) -lcmocka $(SYSTEM) -lm

# Lua text as string literals of C, line by line, without what is comment alone
embed = awk '{ sub(/^ *--.*/, ""); gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" }'
src/ffi/methods.inc: src/ffi/methods.lua
	$(call build,EMBED)
	$(Q)$(embed) $< >$@

define lua_rules
$(B)/$1/%: private INC = $(inc_$1)
$(B)/$1/%: private LUALIB = $(if $(EXE),$(call lua_lib,$1))

$(B)/$1/%.o: src/%.c
	$$(call build,CC)
	$$(compile)

$(B)/$1/mtmsg.$(SO): $(CORE_O) $(call lua_o,$1)
	$$(call build,LINK)
	$$(Q)$$(CC) $$(MODULE) $$(if $$(EXE),,-pthread) $$(SANFLAGS) -o $$@ $$^ $$(LDFLAGS) $$(LUALIB) $$(SYSTEM)

$(B)/$1/lib%-mtmsg.a: $(CORE_O) $(call lua_o,$1)
	$$(call build,AR)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^

$(B)/$1/tests/uv_notifier.so: private LIBS = -luv
$(B)/$1/tests/%.$(SO): tests/native/%.c
	$$(call build,LINK)
	$$(link_module)
$(B)/$1/tests/%.$(SO): examples/%.c
	$$(call build,LINK)
	$$(link_module)

$(B)/$1/bench/%.so: bench/probes/%.c
	$$(call build,LINK)
	$$(link_module)

$(B)/$1/tests/%$(EXE): tests/host/%.c
	$$(call build,LINK)
	$$(call link_host,$1)
$(B)/$1/tests/%$(EXE): tests/callgrind/%.c
	$$(call build,LINK)
	$$(call link_host,$1)
$(B)/$1/tests/%$(EXE): tests/fault/%.c $(CORE_O) $(call lua_o,$1)
	$$(call build,LINK)
	$$(call link_host,$1)
endef
$(foreach l,$(LUAS),$(eval $(call lua_rules,$l)))

# --- tests: each suite named in tests/suites is a target
SUITES := $(shell awk '/^[a-z]/ {print $$1}' tests/suites | sort -u)
RUN = LUA="$(LUAS)" JOBS="$(JOBS)" tests/run
# trees of their own for other ways of building, on one Lua
TREES = asan tsan portable pauses helgrind coverage
flags_asan = SAN=address,undefined
flags_tsan = SAN=thread
flags_portable = DEFS=-DMTM_PLATFORM_PTHREAD
flags_pauses = DEFS=-DMTM_PAUSES ASSERTS=
flags_helgrind = DEFS=-DMTM_HELGRIND
flags_coverage = CFLAGS="-O0 -g --coverage -fprofile-update=atomic" LDFLAGS=--coverage
goals_helgrind = all $(patsubst %,$@/$(ONE)/tests/%,host traffic.so heap.so)
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

check:
	ci/setup check
	ci/lua55
	@$(MAKE) $(PARALLEL) run-every-suite

check-all:
	@ci/check-all

run-every-suite: tests $(PROBES) $(TREES:%=build/%) build/fuzz
	$(RUN)

$(filter-out lint model platform fuzz $(TREES),$(SUITES)): tests
	$(RUN) $@
workloads: $(PROBES)
lint model platform:
	$(RUN) $@
$(TREES): %: build/%
	LUA="$(ONE)" tests/run $@
$(TREES:%=build/%):
	@$(MAKE) B=$@ LUA=$(ONE) $(flags_$(@F)) $(or $(goals_$(@F)),tests)

# `make soak T=600`: the stress test of everything at once for 600 seconds, over all Luas and trees
soak: tests build/pauses build/asan build/tsan
	T="$(or $(T),600)" LUA="$(LUAS)" ONE="$(ONE)" tests/soak

# --- fuzzing: `make fuzz F=wire T=1200` is one target for 20 minutes; build/fuzz has what it found
FUZZERS  := $(notdir $(basename $(wildcard tests/fuzz/*.c)))
FUZZ_LUA  = $(or $(filter lua5.5,$(LUAS)),$(ONE)) # that of ci/lua55 checks how it is called
# functions of the tests' carray have types of other names, as those of a foreign module, which newer clangs refuse
flags_fuzz = SAN=fuzzer-no-link,address,undefined NOSAN=function LUA=$(FUZZ_LUA)
.PHONY: build/fuzz
fuzz: build/fuzz
	T=$(or $(T),60) tests/fuzz/run $(or $(F),$(FUZZERS))
build/fuzz:
	@cc=$$(tests/fuzz/run --compiler) || exit 0; \
	  $(MAKE) B=$@ CC=$$cc $(flags_fuzz) $(FUZZERS:%=$@/targets/%)
$(B)/targets/%: private INC = $(inc_$(ONE))
$(B)/targets/carray.o: tests/native/carray.c
	$(call build,CC)
	$(compile)
$(B)/targets/%: tests/fuzz/%.c $(B)/targets/carray.o $(CORE_O) $(call lua_o,$(ONE))
	$(call build,LINK)
	$(Q)$(CC) $(FLAGS) -fsanitize=fuzzer -o $@ $(filter %.c %.o,$^) -Wl,--wrap=mtm_plat_now,--wrap=mtm_plat_park \
	  $(LDFLAGS) $(or $(lib_$(ONE)),$(call find_lib,$(ONE))) $(SYSTEM) -lm

DEMO_LUA = $(firstword $(LUA) lua5.4)
demo:
	LUA=$(DEMO_LUA) ci/setup demo
	@$(MAKE) $(PARALLEL) LUA=$(DEMO_LUA) all
	LUA_CPATH="build/$(DEMO_LUA)/?.so;;" $(DEMO_LUA) demo/wordcount.lua $(FILES)

# --- measuring: `make bench W=3 LUA=luajit` is one workload on one Lua; LOAD=1 keeps one CPU busy meanwhile;
# BENCH_QUICK=1 only tries out the programs
ifneq ($(filter bench,$(MAKECMDGOALS)),) # other ways of passing messages, as far as they are installed
has_package = $(shell pkg-config --exists $1 && echo yes)
OTHERS := $(if $(call has_package,glib-2.0),gasyncqueue) $(if $(call has_package,libzmq),zeromq) \
  $(if $(shell command -v go),channel)
endif
$(B)/bench/gasyncqueue: PACKAGE = glib-2.0
$(B)/bench/zeromq: PACKAGE = libzmq
$(B)/bench/%: bench/others/%.c bench/others/other.h
	$(call build,LINK)
	$(Q)$(CC) -std=c11 $(CFLAGS) $(WARN) -pthread $$(pkg-config --cflags $(PACKAGE)) -o $@ $< \
	  $$(pkg-config --libs $(PACKAGE))
$(B)/bench/%: bench/others/%.go
	$(call build,GO)
	$(Q)go build -o $@ $<
run_bench = LUA_PATH="bench/lib/?.lua;;" $(B)/$(ONE)/tests/host
bench: all $(HOSTS) $(PROBES) $(OTHERS:%=$(B)/bench/%)
	@mkdir -p $(B)/bench
	@ci/setup bench
	@B="$(B)" LUAS="$(LUAS)" LUA="$(LUA)" W="$(W)" LOAD="$(LOAD)" CC="$(CC)" $(run_bench) bench/main.lua
bench-report: $(B)/$(ONE)/tests/host
	@$(run_bench) bench/report.lua $(B) $(or $(OUT),docs) $(MODE)

# --- installation: LuaJIT looks where Lua 5.1 does, and what is built for one serves both
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
	install -m 644 $(B)/$1/lib$2-mtmsg.a $(DESTDIR)$(LIBDIR)/
	$(call pc_file,static,$2)

endef
static: $(STATIC)
install: all static
	install -d $(DESTDIR)$(PREFIX)/include/mtmsg $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 include/mtmsg/*.h $(DESTDIR)$(PREFIX)/include/mtmsg/
	$(call pc_file,mtmsg)
	$(foreach l,$(INSTALLED),$(call install_one,$l,$(call as_lua,$l)))
	install -d $(DESTDIR)$(PREFIX)/share/mtmsg/editor/library
	install -m 644 editor/config.json editor/mtmsg.d.tl $(DESTDIR)$(PREFIX)/share/mtmsg/editor/
	install -m 644 editor/library/mtmsg.lua $(DESTDIR)$(PREFIX)/share/mtmsg/editor/library/

# ci/test-install sees whether anything is left
OF_LUA = lua/$(1:lua%=%)/mtmsg.$(SO) lib$1-mtmsg.a pkgconfig/$1-mtmsg.pc
uninstall:
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,pkgconfig/mtmsg.pc $(foreach l,$(filter-out luajit,$(KNOWN)),\
	  $(call OF_LUA,$l)))
	rm -rf $(DESTDIR)$(PREFIX)/include/mtmsg $(DESTDIR)$(PREFIX)/share/mtmsg

dist:
	ci/dist $(VERSION)

# --- the documentation as a site that works from a disk: build/site/index.html; `make pages` tests what it says
.PHONY: docs figures
docs:
	docs/site/build $(B)/site
figures:
	$(or $(ONE),lua) docs/figures/draw.lua docs/figures

format:
	clang-format-14 -i $(shell find src include tests -name '*.[ch]')

clean:
	rm -rf $(filter-out build/deps,$(wildcard build/*))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests check check-all run-every-suite soak demo bench bench-report static install uninstall dist \
  format clean $(SUITES) $(TREES:%=build/%)
-include $(patsubst %.o,%.d,$(CORE_O) $(DEBUG_O) $(foreach l,$(LUAS),$(call lua_o,$l))) \
  $(UNITS:%$(EXE)=%.d) $(NATIVE:.$(SO)=.d) $(HOSTS:%$(EXE)=%.d) $(PROBES:.so=.d) $(wildcard $(B)/targets/*.d)
