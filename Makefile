# ouro: everything that is built, read from top to bottom.  `make help` lists the targets.
#
#   O=DIR                      where to build               (build)
#   V=1                        show the commands
#   DEBUG=2                    -O0, and assert_deep walks every data structure
#   SAN=address,undefined      build the tests with sanitizers, in a folder of their own
#   PREFIX=/usr/local DESTDIR= where `make install` puts things

VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      ?= gcc
SHELL   := /bin/bash
MAKEFLAGS += --no-builtin-rules

ifdef SAN
O ?= build/san-$(subst $(comma),-,$(SAN))
else ifdef DEBUG
O ?= build/debug$(DEBUG)
else
O ?= build
endif
comma := ,

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# --- flags ---------------------------------------------------------------------------

WARN := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla \
	-Wno-unused-parameter -Wno-missing-field-initializers
OPT  := $(if $(filter 2,$(DEBUG)),-O0 -DOURO_DEBUG=2,-O2 $(if $(DEBUG),-DOURO_DEBUG=$(DEBUG)))
BASE := -std=gnu11 -g $(OPT) $(WARN) -D_GNU_SOURCE -DOURO_VERSION='"$(VERSION)"' \
	-Iinclude -MMD -MP $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)

# The guest lives in somebody else's process: nothing of it may be seen by the loader but
# what ouro.map names, nothing bound late, no dynamic TLS, and CET stays as it was (for which
# the C library's start files, not all built for it, are left out).
GUEST_CFLAGS  := $(BASE) -Ipreload -fPIC -fvisibility=hidden -ftls-model=initial-exec \
	-fcf-protection=full -fno-plt -fno-exceptions -fasynchronous-unwind-tables
GUEST_LDFLAGS := -shared -nostartfiles -Wl,-Bsymbolic -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,-z,initfirst \
	-Wl,-z,noexecstack -Wl,-z,defs -Wl,--version-script=preload/ouro.map -Wl,-soname,libouro.so
GUEST_LIBS    := -lZydis

ANALYZER_CFLAGS := $(BASE) -Ianalyzer
ANALYZER_LIBS   := -ldw -lelf -lzstd -lz -lsqlite3 -liberty -lpthread -lm

TEST_CFLAGS := $(BASE) -Ipreload -Ianalyzer -Itests
TEST_LIBS   := $(shell pkg-config --libs check 2>/dev/null || echo -lcheck) -lunwind \
	$(GUEST_LIBS) $(ANALYZER_LIBS)

# --- files ---------------------------------------------------------------------------

GUEST_SRC    := $(sort $(wildcard preload/*.c preload/*/*.c preload/*/*.S))
ANALYZER_SRC := $(sort $(wildcard analyzer/*.c))
UNIT_SRC     := $(sort $(wildcard tests/*_test.c))
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/*.c))

obj = $(patsubst %,$(O)/%.o,$(basename $(1)))
GUEST_OBJ    := $(call obj,$(GUEST_SRC))
ANALYZER_OBJ := $(call obj,$(ANALYZER_SRC))
UNIT_BIN     := $(patsubst tests/%.c,$(O)/tests/%,$(UNIT_SRC))
FUZZ_BIN     := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(FUZZ_SRC))

.PHONY: all
all: $(O)/ouro $(O)/libouro.so $(O)/ouro-revive ## build the command and the library (default)

# Loaded where no program has anything, so that a dead one's memory fits around it; it has no C
# library and its own start.
REVIVE_CFLAGS := $(filter-out -fsanitize=% -fno-omit-frame-pointer,$(BASE)) -Ipreload -fPIC -ffreestanding \
	-fno-stack-protector -fno-tree-loop-distribute-patterns -fcf-protection=none
$(O)/ouro-revive: revive/revive.c | deps-present
	$(say) LINK $@
	$(Q)mkdir -p $(@D); $(CC) $(REVIVE_CFLAGS) -static -nostdlib -no-pie -Wl,-z,noexecstack \
		-Wl,-Ttext-segment=0x200000000000 -o $@ $<

$(O)/libouro.so: $(GUEST_OBJ) preload/ouro.map
	$(say) LINK $@
	$(Q)$(CC) $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ $(GUEST_OBJ) $(GUEST_LIBS)

$(O)/ouro: $(ANALYZER_OBJ)
	$(say) LINK $@
	$(Q)$(CC) $(ANALYZER_CFLAGS) -o $@ $(ANALYZER_OBJ) $(ANALYZER_LIBS)

# Tests link what they use of either half, out of archives; not the names that are interposed.
$(O)/libguest.a: $(filter-out $(O)/preload/hooks%.o,$(GUEST_OBJ))
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $^

$(O)/libanalyzer.a: $(filter-out $(O)/analyzer/main.o,$(ANALYZER_OBJ))
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $^

$(O)/preload/%.o: preload/%.c | deps-present
	$(say) CC $@
	$(Q)mkdir -p $(@D); $(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(O)/preload/%.o: preload/%.S | deps-present
	$(say) AS $@
	$(Q)mkdir -p $(@D); $(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(O)/analyzer/%.o: analyzer/%.c | deps-present
	$(say) CC $@
	$(Q)mkdir -p $(@D); $(CC) $(ANALYZER_CFLAGS) -c -o $@ $<

$(O)/tests/core_revive_test: | $(O)/ouro-revive

$(O)/tests/%_test: tests/%_test.c $(O)/libguest.a $(O)/libanalyzer.a | deps-present
	$(say) TEST $@
	$(Q)mkdir -p $(@D); $(CC) $(TEST_CFLAGS) -o $@ $< $(O)/libguest.a $(O)/libanalyzer.a $(TEST_LIBS)

# What a test preloads into another program: the guest's modules without the guest.
$(O)/tests/%.so: tests/%.c $(O)/libguest.a | deps-present
	$(say) TEST $@
	$(Q)mkdir -p $(@D); $(CC) $(GUEST_CFLAGS) -Itests -shared -o $@ $< $(O)/libguest.a $(GUEST_LIBS)

$(O)/tests/detour_test: $(O)/tests/detour/inside.so

$(O)/fuzz/%: tests/fuzz/%.c $(O)/libanalyzer.a | deps-present
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D); $(CC) $(TEST_CFLAGS) -o $@ $< $(O)/libanalyzer.a $(ANALYZER_LIBS)

-include $(O)/ouro-revive.d $(GUEST_OBJ:.o=.d) $(ANALYZER_OBJ:.o=.d) $(UNIT_BIN:=.d) $(FUZZ_BIN:=.d) \
	$(patsubst tests/%.c,$(O)/tests/%.d,$(wildcard tests/*/*.c))

# --- what must be installed ----------------------------------------------------------

PACKAGES       := gcc libc6-dev make pkg-config python3 libunwind-dev uthash-dev check \
	libdw-dev libzydis-dev libzstd-dev zlib1g-dev libsqlite3-dev libiberty-dev
GLIB_PACKAGES  := libglib2.0-dev libgtk-3-dev gtk-3-examples gstreamer1.0-tools \
	libgstreamer1.0-dev gstreamer1.0-plugins-base xvfb xauth python3-gi gir1.2-gstreamer-1.0 \
	gir1.2-gtk-3.0
CHECK_PACKAGES := g++ python3-dev git xz-utils sqlite3 valgrind libxml2-utils binutils dwz libdebuginfod1 musl-tools fakeroot \
	libjemalloc-dev libmimalloc-dev libgoogle-perftools-dev golang-go graphviz libdevel-nytprof-perl gdb \
	$(GLIB_PACKAGES)
BENCH_PACKAGES := g++ heaptrack libglib2.0-dev gstreamer1.0-tools gstreamer1.0-plugins-base

# Libraries of which descriptions (samples/*.runtime) are tested, and programs that use them.
CHECK_PACKAGES += libcairo2-dev libdbus-1-dev libjansson-dev libjson-c-dev libavutil-dev \
	libsystemd-dev libfontconfig-dev libharfbuzz-dev librsvg2-bin libharfbuzz-bin \
	fontconfig fonts-dejavu-core dbus dbus-bin clang

.PHONY: deps deps-present
deps: ## install what building and testing need (Debian 12; root or sudo)
	@sh tests/install-packages.sh $(PACKAGES)

.PHONY: check-deps bench-deps
check-deps:
	@sh tests/install-packages.sh $(PACKAGES) $(CHECK_PACKAGES)
	@if command -v npm >/dev/null && ! test -d $(O)/npm/node_modules/speedscope; then \
		npm install --silent --no-audit --no-fund --prefix $(O)/npm speedscope@1 ajv@8 || \
		echo "npm could not install speedscope: its test is skipped" >&2; fi

bench-deps:
	@sh tests/install-packages.sh $(PACKAGES) $(BENCH_PACKAGES)

deps-present:
	@for h in libunwind.h uthash.h check.h elfutils/libdw.h Zydis/Zydis.h zstd.h zlib.h sqlite3.h \
		libiberty/demangle.h; do \
		test -e /usr/include/$$h || test -e /usr/include/x86_64-linux-gnu/$$h || { \
		echo "ouro: $$h is missing: run \`make deps\` first" >&2; exit 1; }; done

# --- targets for people --------------------------------------------------------------

# Each of these installs what it needs first, and only then looks for headers and flags:
# so the work is done by a second make.
# With as many compilers as there are processors, unless -j says how many.
AGAIN = +$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: demo check bench
demo: deps ## install what is needed, build, record real programs, print the reports
	$(Q)$(AGAIN) all
	$(Q)O=$(O) bash samples/demo.sh

# The longest first: the last ones run alone.
LONG := $(patsubst %,tests/e2e/%_test.py,walk gc retained leaks kill random_graphs whatif snapshot)
E2E  := $(wildcard $(LONG)) $(filter-out $(LONG),$(sort $(wildcard tests/e2e/*_test.py)))
# It preloads the library, which a sanitizer does not allow: once is enough.
NO_SAN := $(O)/tests/births_test

check: check-deps ## install what is needed, build, run every test
	$(Q)$(AGAIN) all check-headers test-programs
	$(Q)$(AGAIN) O=$(O)/san-address-undefined SAN=address,undefined test-programs
	$(Q)$(AGAIN) O=$(O)/san-thread SAN=thread ring-tests
	$(Q)O=$(O) tests/check.sh $(UNIT_BIN) $(E2E) \
		$(patsubst $(O)/%,$(O)/san-address-undefined/%,$(filter-out $(NO_SAN),$(UNIT_BIN)) \
			$(FUZZ_BIN)) \
		$(patsubst %,$(O)/san-thread/tests/%,$(RING_TESTS))

.PHONY: test-programs ring-tests unit
test-programs: $(UNIT_BIN) $(FUZZ_BIN)

# What several threads write to at once, for the thread sanitizer.
RING_TESTS := events_test defs_test file_test decode_test
ring-tests: $(patsubst %,$(O)/tests/%,$(RING_TESTS))

unit: all $(UNIT_BIN) ## build and run the unit tests alone
	$(Q)tests/check.sh $(UNIT_BIN)

bench: bench-deps ## measure against bare runs and heaptrack; writes docs/benchmarks.md
	$(Q)$(AGAIN) all
	$(Q)O=$(O) python3 tests/bench/bench.py

.PHONY: install uninstall check-headers clean help
LIBDIR     = $(DESTDIR)$(PREFIX)/lib
INCLUDEDIR = $(DESTDIR)$(PREFIX)/include/ouro
MANDIR     = $(DESTDIR)$(PREFIX)/share/man/man1

install: all ## install under PREFIX (/usr/local), with DESTDIR before it
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(LIBDIR)/pkgconfig $(INCLUDEDIR) $(MANDIR)
	$(Q)install -m 755 $(O)/ouro $(DESTDIR)$(PREFIX)/bin/ouro
	$(Q)install -m 755 $(O)/libouro.so $(LIBDIR)/libouro.so
	$(Q)install -m 755 $(O)/ouro-revive $(LIBDIR)/ouro-revive
	$(Q)install -m 644 include/ouro/*.h $(INCLUDEDIR)
	$(Q)install -d $(DESTDIR)$(PREFIX)/share/ouro/runtimes
	$(Q)install -m 644 samples/*.runtime $(DESTDIR)$(PREFIX)/share/ouro/runtimes
	$(Q)install -m 644 docs/ouro.1 $(MANDIR)/ouro.1
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' docs/ouro.pc.in \
		>$(LIBDIR)/pkgconfig/ouro.pc

uninstall: ## remove what install put there
	rm -rf $(INCLUDEDIR) $(DESTDIR)$(PREFIX)/share/ouro
	rm -f $(DESTDIR)$(PREFIX)/bin/ouro $(LIBDIR)/libouro.so $(LIBDIR)/ouro-revive $(MANDIR)/ouro.1 \
		$(LIBDIR)/pkgconfig/ouro.pc

check-headers: ## every header compiles alone (but generated tables)
	$(Q)for h in $(filter-out %_data.h,$(wildcard include/ouro/*.h preload/*.h preload/*/*.h \
			analyzer/*.h)); do \
		$(CC) $(BASE) -MF /dev/null -Ipreload -Ianalyzer -fsyntax-only -x c $$h || exit 1; done

clean: ## remove what was built
	rm -rf $(O)

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' Makefile
