# What is built from what. Tests are built and run by tests/tests.mk, which programs they are stands in tests/suites;
# measuring is bench/bench.mk's, installing and packing packaging/packaging.mk's.
#
#   make             build/<lua>/mtmsg.so for every Lua found; LUA="lua5.4 luajit" restricts every target
#   make bridges     build/<lua>/mtmsg/nats.so, the bridge to NATS, where its libraries are (ci/setup nats)
#   make demo        install what is missing, build, count words with a pool of threads
#   make demo-nats   the same over three processes, one of which is killed, by a server on the loopback
#   make check       install what is missing, build, run every test
#   make check-all   the same, and for every other platform that can be built for and run here (ci/platforms)
#   make spec        build what one suite needs, and run it; F=buffer: what has that in the names of its files
#   make soak        T=600: the stress test of everything at once for so many seconds, over all Luas and trees
#   make fuzz        F=wire T=1200: one of the targets in tests/fuzz for so long, instead of all for a minute
#   make bench       W=3: one workload, instead of all; make bench-report writes docs/performance.md anew
#   make docs        build/site, the documentation as HTML (by pandoc); make figures draws its figures anew
#   make install     into PREFIX (below DESTDIR): modules, static libraries, C headers, files for pkg-config and editors
#   make uninstall   removes from there what make install has put there, for every Lua
#   make dist        build/mtmsg-<version>.tar.gz
#   make format      white space of the C files, by clang-format 14
#   make clean       all of build but what was fetched and built for the tests, build/deps
#   make help        this, and what each suite does and takes
#
# WERROR=1 makes warnings errors; V=1 shows commands; CC, CFLAGS, LDFLAGS as usual;
# inc_lua5.4=-I… lib_lua5.4=… name a Lua that is not found by itself

ifeq ($(filter undefine,$(.FEATURES)),)
$(error this needs GNU make 3.82 or later, not $(MAKE_VERSION): on macOS install it with Homebrew and call gmake)
endif

B      = build
PREFIX = /usr/local
JOBS   = $(shell echo $$(($$(nproc 2>/dev/null || echo 1) * 2)))# twice as many as processors: many tests wait
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
lua_lib  = $(or $(lib_$1),$(call find_lib,$1))

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
SYSTEM = -static -lsynchronization -lws2_32
LACKS  = failmalloc forked pump stepping_clock uv_notifier # what uses more than C and threads
endif

# --- the library and its modules
CORE_SRC := $(wildcard src/platform/*.c src/core/*.c)
LUA_SRC  := $(wildcard src/capi/*.c src/ffi/*.c src/lua/*.c)
CORE_O   := $(CORE_SRC:src/%.c=$(B)/%.o)
lua_o     = $(LUA_SRC:src/%.c=$(B)/$1/%.o)
MODULES  := $(LUAS:%=$(B)/%/mtmsg.$(SO))

all: $(MODULES)
	$(if $(MISSING),@echo "make: no headers found for: $(MISSING) (found: $(or $(FOUND),none))" >&2; exit 1)

build = @$(if $(V),,printf '  %-5s %s\n' $1 $@;) mkdir -p $(@D)
compile = $(Q)$(CC) $(FLAGS) -Wswitch-enum -c -o $@ $<

$(B)/%.o: src/%.c
	$(call build,CC)
	$(compile)

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
endef
$(foreach l,$(LUAS),$(eval $(call lua_rules,$l)))

# --- the rest
include bridges/nats/nats.mk tests/tests.mk bench/bench.mk packaging/packaging.mk

DEMO_LUA = $(firstword $(LUA) lua5.4)
demo:
	LUA=$(DEMO_LUA) ci/setup demo
	@$(MAKE) -j$(JOBS) LUA=$(DEMO_LUA) all
	LUA_CPATH="build/$(DEMO_LUA)/?.so;;" $(DEMO_LUA) demo/wordcount.lua $(FILES)

docs:
	docs/site/build $(B)/site
figures:
	$(or $(ONE),lua) docs/figures/draw.lua docs/figures

format:
	clang-format-14 -i $(shell find src include tests bridges -name '*.[ch]')

clean:
	rm -rf $(filter-out build/deps,$(wildcard build/*))

help:
	@LUA="$(LUAS)" tests/minutes --help

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all demo docs figures format clean help
-include $(patsubst %.o,%.d,$(CORE_O) $(foreach l,$(LUAS),$(call lua_o,$l)))
