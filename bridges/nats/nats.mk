# Owns the building of mtmsg.nats, the bridge to NATS, where its libraries are; on Debian libnats-dev and libmsgpack-dev
#
#   make bridges    build/<lua>/mtmsg/nats.so for every Lua
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
	$(Q)$(CC) $(filter-out -MMD -MP,$(FLAGS)) $(NATS_FLAGS) $(MODULE) -o $@ $(NATS_SRC) $(LDFLAGS) $(NATS_LIBS) $(LUALIB) $(SYSTEM)

demo-nats:
	LUA=$(DEMO_LUA) ci/setup nats
	@$(MAKE) -j$(JOBS) LUA=$(DEMO_LUA) all bridges
	LUA_CPATH="build/$(DEMO_LUA)/?.so;;" $(DEMO_LUA) bridges/nats/demo/wordcount.lua $(FILES)

$(B)/nats-probe: bridges/nats/bench/probe.c
	$(call build,LINK)
	$(Q)$(CC) $(filter-out -MMD -MP,$(FLAGS)) $(NATS_FLAGS) -o $@ $< $(LDFLAGS) $(NATS_LIBS)
bench-nats: bridges $(B)/nats-probe
	LUA_CPATH="$(B)/$(ONE)/?.so;;" $(ONE) bridges/nats/bench/bench.lua $(B)/nats-probe

.PHONY: bridges demo-nats bench-nats
