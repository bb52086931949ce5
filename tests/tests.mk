# Owns the building and running of tests: what a suite needs is built, and no more; then one run of all suites that are
# asked for. Which programs a suite has stands in tests/suites.
#
#   make unit spec F=buffer    the programs of these suites with that in the names of their files

# --- programs and modules of tests
DEBUG_O  := $(if $(SAN),$(CORE_O),$(CORE_SRC:src/%.c=$(B)/debug/%.o))
DEBUG_A   = $(B)/debug/core.a
UNITS    := $(patsubst %.c,$(B)/%$(EXE),$(wildcard tests/unit/test_*.c))
NATIVE   := $(foreach l,$(LUAS),$(patsubst %.c,$(B)/$l/tests/%.$(SO),$(filter-out $(LACKS:%=%.c),\
  $(notdir $(wildcard tests/native/*.c examples/*.c)))))
HOST     := $(notdir $(basename $(wildcard tests/host/*.c tests/callgrind/*.c tests/fault/*.c tests/linked/*.c)))
HOSTS    := $(foreach l,$(LUAS),$(HOST:%=$(B)/$l/tests/%$(EXE)))
PROBE    := $(if $(filter Linux,$(KERNEL)),$(notdir $(basename $(wildcard bench/probes/*.c)))) # they use futexes
PROBES   := $(foreach l,$(LUAS),$(PROBE:%=$(B)/$l/bench/%.so))

tests: all $(UNITS) $(NATIVE) $(HOSTS)

link_module = $(Q)$(CC) $(FLAGS) $(MODULE) -o $@ $< $(LDFLAGS) $(LIBS) $(LUALIB) $(SYSTEM)
link_host = $(Q)$(CC) $(FLAGS) -o $@ $(filter %.c %.o,$^) $(LDFLAGS) $(call lua_lib,$1) $(SYSTEM) $(EXPORT) -lm

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

define test_rules
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
$(B)/$1/tests/%$(EXE): tests/linked/%.c $(CORE_O) $(call lua_o,$1)
	$$(call build,LINK)
	$$(call link_host,$1)
$(B)/$1/tests/%$(EXE): tests/fault/%.c $(CORE_O) $(call lua_o,$1)
	$$(call build,LINK)
	$$(call link_host,$1)
endef
$(foreach l,$(LUAS),$(eval $(call test_rules,$l)))

# --- suites: what those that are asked for need, in the tree build and in those of their own
EVERY_SUITE := $(shell awk '/^[a-z]/ && !seen[$$1]++ {print $$1}' tests/suites)
RUN     = LUA="$(LUAS)" F="$(F)" JOBS="$(JOBS)" tests/run
ASKED  := $(filter $(if $(filter run-every-suite,$(MAKECMDGOALS)),%,$(filter-out fuzz,$(MAKECMDGOALS))),$(EVERY_SUITE))
NEEDED := $(filter-out $(addprefix %/,$(LACKS:%=%.so) $(if $(HAS_NATS),,mtmsg/nats.so)),\
  $(if $(ASKED),$(shell LUA="$(LUAS)" F="$(F)" tests/run --list $(ASKED) | tests/products)))
needed_callgrind = $(MODULES) $(LUAS:%=$(B)/%/tests/count)
needed_coverage  = build/coverage
needed_fuzz      = build/fuzz
needed_hosts     = $(MODULES)
needed_pack      = all static
needed_workloads = $(PROBES) $(LUAS:%=$(B)/%/tests/host)

# for other ways of building, on one Lua
TREES = asan tsan portable pauses helgrind coverage
flags_asan = SAN=address,undefined
flags_tsan = SAN=thread
flags_portable = DEFS=-DMTM_PLATFORM_PTHREAD
flags_pauses = DEFS=-DMTM_PAUSES ASSERTS=
flags_helgrind = DEFS=-DMTM_HELGRIND
flags_coverage = CFLAGS="-O0 -g --coverage -fprofile-update=atomic" LDFLAGS=--coverage
$(TREES:%=build/%):
	@$(MAKE) B=$@ LUA=$(ONE) $(flags_$(@F)) $(or $(filter $@/%,$(NEEDED)),tests)

ifneq ($(ASKED)$(filter soak fuzz,$(MAKECMDGOALS)),)
ifeq ($(filter -j%,$(MAKEFLAGS)),) # in parallel, if nothing else is said
MAKEFLAGS += -j$(JOBS)
endif
endif
$(filter-out fuzz,$(ASKED)) run-every-suite: run-suites
	@:
run-suites: $(filter $(MODULES) $(NATS) $(UNITS) $(NATIVE) $(HOSTS) $(PROBES),$(NEEDED)) \
  $(foreach t,$(TREES),$(if $(filter build/$t/%,$(NEEDED)),build/$t)) $(foreach s,$(ASKED),$(needed_$s))
	@$(RUN) $(ASKED)

check:
	ci/setup check
	ci/lua55
	@LUA="$(LUAS)" tests/minutes --check
	@RESULTS=build/log/results $(MAKE) run-every-suite

check-all:
	@ci/check-all

soak: tests build/pauses build/asan build/tsan
	T="$(or $(T),600)" LUA="$(LUAS)" ONE="$(ONE)" tests/soak

# --- fuzzing: build/fuzz has what it found
FUZZERS  := $(notdir $(basename $(wildcard tests/fuzz/*.c)))
FUZZ_LUA  = $(or $(filter lua5.5,$(LUAS)),$(ONE)) # that of ci/lua55 checks how it is called
# functions of the tests' carray have types of other names, as those of a foreign module, which newer clangs refuse
flags_fuzz = SAN=fuzzer-no-link,address,undefined NOSAN=function LUA=$(FUZZ_LUA)
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
	  -Wl,--wrap=mtm_plat_longest_nap \
	  $(LDFLAGS) $(or $(lib_$(ONE)),$(call find_lib,$(ONE))) $(SYSTEM) -lm

.PHONY: tests check check-all run-every-suite run-suites soak fuzz build/fuzz $(EVERY_SUITE) $(TREES:%=build/%)
-include $(DEBUG_O:.o=.d) $(UNITS:%$(EXE)=%.d) $(NATIVE:.$(SO)=.d) $(HOSTS:%$(EXE)=%.d) $(PROBES:.so=.d) \
  $(wildcard $(B)/targets/*.d)
