# Owns `make bench` and `make bench-report`: other ways of passing messages, as far as they are installed, are built for
# the comparison. What is measured stands in bench/main.lua.
#
#   make bench W=3 LUA=luajit    one workload on one Lua; LOAD=1 keeps one CPU busy meanwhile; BENCH_QUICK=1 only
#                                tries out the programs
ifneq ($(filter bench,$(MAKECMDGOALS)),)
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
run_bench = LUA_PATH="bench/lib/?.lua;lua/?.lua;;" $(B)/$(ONE)/tests/host
bench: all $(HOSTS) $(PROBES) $(OTHERS:%=$(B)/bench/%)
	@mkdir -p $(B)/bench
	@ci/setup bench
	@B="$(B)" LUAS="$(LUAS)" LUA="$(LUA)" W="$(W)" LOAD="$(LOAD)" CC="$(CC)" $(run_bench) bench/main.lua
bench-report: $(B)/$(ONE)/tests/host
	@$(run_bench) bench/report.lua $(B) $(or $(OUT),docs) $(MODE)

.PHONY: bench bench-report
