# What is built from what. Which tests exist stands in tests/suites, what a machine must have in ci/setup.
#
#   make             build/<lua>/mtmsg.so for every Lua found; LUA="lua5.4 luajit" restricts every target
#   make demo        install what is missing, build, count words with a pool of threads
#   make check       install what is missing, build, run every test; `make spec` and so on run one suite
#   make install     into PREFIX (below DESTDIR): the module for each Lua, the C headers, mtmsg.pc
#   WERROR=1 makes warnings errors; V=1 shows commands; CC, CFLAGS, LDFLAGS as usual;
#   inc_lua5.4=-I… lib_lua5.4=… name a Lua that is not found by itself

B      = build
PREFIX = /usr/local
JOBS   = $(shell nproc 2>/dev/null || echo 2)
CFLAGS ?= -O2 -g
Q      = $(if $(V),,@)
MAKEFLAGS += --no-print-directory

# --- the Luas: inc_<lua> are its compiler flags, lib_<lua> what a program that embeds it is linked with
KNOWN = lua5.1 lua5.2 lua5.3 lua5.4 luajit lua5.5
PKG   = PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 pkg-config
find_inc = $(or $(patsubst %/lua.h,-I%,$(wildcard build/deps/$1/include/lua.h)),\
  $(shell $(PKG) --cflags $1 2>/dev/null),\
  $(patsubst %/lua.h,-I%,$(firstword $(wildcard $(patsubst %,/usr/include/%/lua.h,$1 $1-2.1)))))
find_lib = $(or $(wildcard build/deps/$1/lib/lib$1.a),\
  $(wildcard $(shell $(PKG) --variable=libdir $1 2>/dev/null)/lib$1.a),\
  $(shell $(PKG) --libs $1 2>/dev/null),-l$(subst luajit,luajit-5.1,$1))
$(foreach l,$(KNOWN),$(eval inc_$l := $(call find_inc,$l)))
FOUND   := $(foreach l,$(KNOWN),$(if $(inc_$l),$l))
LUAS    := $(filter $(or $(LUA),$(KNOWN)),$(FOUND))
MISSING := $(filter-out $(LUAS),$(or $(LUA),$(if $(LUAS),,any)))
ONE      = $(or $(filter lua5.4,$(LUAS)),$(firstword $(LUAS)))

# --- flags
WARN = -Wall -Wextra -Wshadow -Wconversion -Wundef -Wstrict-prototypes $(if $(WERROR),-Werror)
SANFLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
FLAGS = -std=c11 $(CFLAGS) $(WARN) -fPIC -fvisibility=hidden -fno-plt -pthread $(SANFLAGS) \
  $(ASSERTS) $(DEFS) -Isrc -Iinclude $(INC) -MMD -MP
ASSERTS = $(if $(SAN),,-DNDEBUG)
MODULE = -shared -Wl,-z,nodelete
EXPORT = -Wl,-E -ldl
ifeq ($(shell uname -s),Darwin)
MODULE = -bundle -undefined dynamic_lookup
EXPORT =
endif

# --- sources and products
CORE_SRC := $(wildcard src/platform/*.c src/core/*.c)
LUA_SRC  := $(wildcard src/capi/*.c src/lua/*.c)
CORE_O   := $(CORE_SRC:src/%.c=$(B)/%.o)
DEBUG_O  := $(if $(SAN),$(CORE_O),$(CORE_SRC:src/%.c=$(B)/debug/%.o))
DEBUG_A   = $(B)/debug/core.a
lua_o     = $(LUA_SRC:src/%.c=$(B)/$1/%.o)
MODULES  := $(LUAS:%=$(B)/%/mtmsg.so)
UNITS    := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
NATIVE   := $(foreach l,$(LUAS),$(patsubst %.c,$(B)/$l/tests/%.so,$(notdir $(wildcard tests/native/*.c examples/*.c))))
HOST     := $(notdir $(basename $(wildcard tests/host/*.c tests/callgrind/*.c)))
HOSTS    := $(foreach l,$(LUAS),$(HOST:%=$(B)/$l/tests/%))
PROBES   := $(foreach l,$(LUAS),$(patsubst bench/probes/%.c,$(B)/$l/bench/%.so,$(wildcard bench/probes/*.c)))

all: $(MODULES)
	$(if $(MISSING),@echo "make: no headers found for: $(MISSING) (found: $(or $(FOUND),none))" >&2; exit 1)

tests: all $(UNITS) $(NATIVE) $(HOSTS)

build = @$(if $(V),,printf '  %-5s %s\n' $1 $@;) mkdir -p $(@D)
compile = $(Q)$(CC) $(FLAGS) -c -o $@ $<
link_module = $(Q)$(CC) $(FLAGS) $(MODULE) -o $@ $< $(LDFLAGS) $(LIBS)
link_host = $(Q)$(CC) $(FLAGS) -o $@ $< $(LDFLAGS) $(or $(lib_$1),$(call find_lib,$1)) $(EXPORT) -lm

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
$(B)/tests/unit/%: tests/unit/%.c $(DEBUG_A)
	$(call build,LINK)
	$(Q)$(CC) $(FLAGS) -o $@ $< $(DEBUG_A) $(LDFLAGS) -lcmocka -lm

define lua_rules
$(B)/$1/%: private INC = $(inc_$1)

$(B)/$1/%.o: src/%.c
	$$(call build,CC)
	$$(compile)

$(B)/$1/mtmsg.so: $(CORE_O) $(call lua_o,$1)
	$$(call build,LINK)
	$$(Q)$$(CC) $$(MODULE) -pthread $$(SANFLAGS) -o $$@ $$^ $$(LDFLAGS)

$(B)/$1/tests/uv_notifier.so: private LIBS = -luv
$(B)/$1/tests/%.so: tests/native/%.c
	$$(call build,LINK)
	$$(link_module)
$(B)/$1/tests/%.so: examples/%.c
	$$(call build,LINK)
	$$(link_module)

$(B)/$1/bench/%.so: bench/probes/%.c
	$$(call build,LINK)
	$$(link_module)

$(B)/$1/tests/%: tests/host/%.c
	$$(call build,LINK)
	$$(call link_host,$1)
$(B)/$1/tests/%: tests/callgrind/%.c
	$$(call build,LINK)
	$$(call link_host,$1)
endef
$(foreach l,$(LUAS),$(eval $(call lua_rules,$l)))

# --- tests: each suite named in tests/suites is a target
SUITES := $(shell awk '/^[a-z]/ {print $$1}' tests/suites | sort -u)
RUN = LUA="$(LUAS)" JOBS="$(JOBS)" tests/run
# trees of their own for other ways of building, on one Lua
TREES = asan tsan portable
flags_asan = SAN=address,undefined
flags_tsan = SAN=thread
flags_portable = DEFS=-DMTM_PLATFORM_PTHREAD
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

check:
	ci/setup check
	ci/lua55
	@$(MAKE) $(PARALLEL) run-every-suite

run-every-suite: tests $(TREES:%=build/%)
	$(RUN)

$(filter-out lint $(TREES),$(SUITES)): tests
	$(RUN) $@
lint:
	$(RUN) $@
$(TREES): %: build/%
	LUA="$(ONE)" tests/run $@
$(TREES:%=build/%):
	@$(MAKE) B=$@ LUA=$(ONE) $(flags_$(@F)) tests

DEMO_LUA = $(firstword $(LUA) lua5.4)
demo:
	LUA=$(DEMO_LUA) ci/setup demo
	@$(MAKE) $(PARALLEL) LUA=$(DEMO_LUA) all
	LUA_CPATH="build/$(DEMO_LUA)/?.so;;" $(DEMO_LUA) demo/wordcount.lua $(FILES)

# --- measuring: `make bench W=3 LUA=luajit` is one workload on one Lua; BENCH_QUICK=1 only tries out the programs
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
	@B="$(B)" LUAS="$(LUAS)" LUA="$(LUA)" W="$(W)" CC="$(CC)" $(run_bench) bench/main.lua
bench-report: $(B)/$(ONE)/tests/host
	@$(run_bench) bench/report.lua $(B)/bench/results.json $(or $(OUT),docs)

# --- installation: LuaJIT looks where Lua 5.1 does, and one module serves both
lua_dir = $(DESTDIR)$(PREFIX)/lib/lua/$(patsubst lua%,%,$(subst luajit,lua5.1,$1))
install_one = install -d $(call lua_dir,$1) && install -m 755 $(B)/$1/mtmsg.so $(call lua_dir,$1)/ &&
VERSION = $(shell sed -n 's/^\#define VERSION "\(.*\)"/\1/p' src/lua/module.c)
install: all
	$(foreach l,$(if $(filter lua5.1,$(LUAS)),$(filter-out luajit,$(LUAS)),$(LUAS)),$(call install_one,$l)) true
	install -d $(DESTDIR)$(PREFIX)/include/mtmsg $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 include/mtmsg/*.h $(DESTDIR)$(PREFIX)/include/mtmsg/
	printf '%s\n' 'prefix=$(PREFIX)' 'Name: mtmsg' 'Description: message buffers between threads: C interfaces' \
	  'Version: $(VERSION)' 'Cflags: -I$${prefix}/include' >$(DESTDIR)$(PREFIX)/lib/pkgconfig/mtmsg.pc

format:
	clang-format-14 -i $(shell find src include tests -name '*.[ch]')

clean:
	rm -rf $(filter-out build/deps,$(wildcard build/*))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests check run-every-suite demo bench bench-report install format clean $(SUITES) $(TREES:%=build/%)
-include $(patsubst %.o,%.d,$(CORE_O) $(DEBUG_O) $(foreach l,$(LUAS),$(call lua_o,$l))) \
  $(UNITS:%=%.d) $(NATIVE:.so=.d) $(HOSTS:%=%.d) $(PROBES:.so=.d)
