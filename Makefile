# A thin front for CMake and the scripts; CONTRIBUTING.md says what each target is for.
#
# Presets: release debug asan tsan fuzz coverage. `make build-asan` builds one of them into build/asan.
.PHONY: all demo check bench bench-changes bench-large conformance fuzz soak coverage format lint install clean bootstrap bootstrap-check venv

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
export FUZZ_SECONDS

all: build-release

bootstrap:
	@scripts/bootstrap.sh
bootstrap-check:
	@scripts/bootstrap.sh check
venv: bootstrap-check
	@scripts/venv.sh

# Ninja where it is there; a build directory keeps the generator it began with.
build-%: bootstrap
	@scripts/build.sh $*
build-asan build-tsan build-fuzz build-coverage: build-%: bootstrap-check
	@scripts/build.sh $*

demo: build-release
	@scripts/demo.sh
check:
	@scripts/check.sh
lint: bootstrap-check
	@scripts/lint.sh
format: bootstrap-check
	@scripts/format.sh
coverage: build-coverage venv
	@scripts/coverage.sh
fuzz: build-fuzz
	@scripts/fuzz.sh
soak: build-asan build-release venv
	@scripts/soak.sh
bench: build-release venv
	@cmake --build build/release --target bench_programs
	@.venv/bin/python bench/run.py $(SECTIONS)
# Changes of rows and partitions on TPC-H lineitem at scale 1, and at scale 10 (20 GB of disk, an hour).
bench-changes bench-large: build-release venv
	@.venv/bin/pip install --quiet --disable-pip-version-check -r bench/requirements.txt
	@.venv/bin/python bench/changes.py $(if $(filter bench-large,$@),10,1)
# The table of the public test files and the peers: docs/conformance.md.
conformance: build-release venv
	@LAMELLA_LIBRARY=build/release/liblamella.so .venv/bin/python tests/conformance/table.py > build/conformance.md
	@mv build/conformance.md docs/conformance.md
install: build-release
	cmake --install build/release --prefix $(PREFIX)
clean:
	rm -rf build coverage
