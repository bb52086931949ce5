# Owns the building of mtmsg.nats, the bridge to NATS, where its libraries are; on Debian libnats-dev and libmsgpack-dev
#
#   make bridges    build/<lua>/mtmsg/nats.so for every Lua
#   make fuzz-nats  T=60: bytes that anybody may send, for so many seconds
#   make bench-nats messages per second and round trips, beside NATS's client alone
#   make demo-nats  install what is missing, build, count words with a pool over three processes of which one is killed

HAS_NATS := $(shell $(PKG) --exists libnats msgpack 2>/dev/null && echo yes)
NATS_SRC := $(wildcard bridges/nats/src/*.c)
NATS_ALL := $(LUAS:%=$(B)/%/mtmsg/nats.$(SO))
NATS     := $(if $(HAS_NATS),$(NATS_ALL))
NATS_FLAGS = -D_GNU_SOURCE $(shell $(PKG) --cflags libnats msgpack)
NATS_LIBS  = $(shell $(PKG) --libs libnats)

bridges: $(NATS) $(MODULES)
	$(if $(HAS_NATS),,@echo "make: libnats and msgpack are not there: ci/setup nats installs them" >&2; exit 1)

$(NATS_ALL): $(B)/%/mtmsg/nats.$(SO): $(NATS_SRC) $(wildcard bridges/nats/src/*.h include/mtmsg/*.h)
	$(call build,LINK)
	$(Q)$(CC) $(filter-out -MMD -MP,$(FLAGS)) $(NATS_FLAGS) $(MODULE) -o $@ $(NATS_SRC) \
	  $(LDFLAGS) $(NATS_LIBS) $(LUALIB) $(SYSTEM)

demo-nats:
	LUA=$(DEMO_LUA) ci/setup nats
	@$(MAKE) -j$(JOBS) LUA=$(DEMO_LUA) all bridges
	LUA_CPATH="build/$(DEMO_LUA)/?.so;;" $(DEMO_LUA) bridges/nats/demo/wordcount.lua $(FILES)

$(B)/nats-probe: bridges/nats/bench/probe.c
	$(call build,LINK)
	$(Q)$(CC) $(filter-out -MMD -MP,$(FLAGS)) $(NATS_FLAGS) -o $@ $< $(LDFLAGS) $(NATS_LIBS)
bench-nats: bridges $(B)/nats-probe
	LUA_CPATH="$(B)/$(ONE)/?.so;;" $(ONE) bridges/nats/bench/bench.lua $(B)/nats-probe

# with libFuzzer and its checks, in the tree of make fuzz
fuzz-nats:
	@cc=$$(tests/fuzz/run --compiler) && $(MAKE) B=build/fuzz CC=$$cc $(flags_fuzz) build/fuzz/nats-unpack
	mkdir -p build/fuzz/found/nats
	build/fuzz/nats-unpack -max_total_time=$(or $(T),60) -max_len=600 -timeout=20 \
	  -artifact_prefix=build/fuzz/nats- build/fuzz/found/nats
$(B)/nats-unpack: private INC = $(inc_$(ONE))
$(B)/nats-unpack: bridges/nats/fuzz/unpack.c bridges/nats/src/pack.c bridges/nats/src/unpack.c \
  bridges/nats/src/array.c bridges/nats/src/text.c $(CORE_O) $(call lua_o,$(ONE))
	$(call build,LINK)
	$(Q)$(CC) $(filter-out -MMD -MP,$(FLAGS)) $(NATS_FLAGS) -fsanitize=fuzzer -o $@ $(filter %.c %.o,$^) $(LDFLAGS) \
	  $(shell $(PKG) --libs msgpack) $(or $(lib_$(ONE)),$(call find_lib,$(ONE))) $(SYSTEM) -lm

.PHONY: fuzz-nats bridges demo-nats bench-nats
