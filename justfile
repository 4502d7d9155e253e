# The commands of everyday work; `just` lists them. They use the environment that ./lotse makes.
python := env("LOTSE_VENV", ".venv") / "bin/python"

_default:
    @just --list --unsorted

# Every gate, as CI runs them.
check:
    .ci/run

# The tests, or those that are named: just test tests/shape -k facts
test *arguments:
    ./lotse test {{ arguments }}

# compose.yaml on the Docker engine of this machine, about four minutes: just deploy -k restarting
deploy *arguments:
    ./lotse test -m slow tests/deploy/test_compose_up.py {{ arguments }}

# Kill, cut and poison a network at work, then look whether every promise was kept: just chaos --seconds 60 --seed 1
chaos *arguments: _environment
    {{ python }} -m tests.chaos {{ arguments }}

# Measure against bare limits, each ratio in one run: just benchmarks --only relay
benchmarks *arguments: _environment
    {{ python }} -m benchmarks {{ arguments }}

# Style and traps.
lint: _environment
    {{ python }} -m ruff check

# Types.
types: _environment
    {{ python }} -m mypy

# Who may import whom.
imports: _environment
    {{ python }} -c 'import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_logo=True))'

# Compile the locks from pyproject.toml; with --upgrade the newest versions that fit.
lock *arguments:
    .ci/locks write {{ arguments }}

# Write the contracts anew (OpenAPI, AsyncAPI, facts, permissions, columns, settings); read the diff before it is committed.
contracts: _environment
    LOTSE_WRITE_CONTRACTS=1 {{ python }} -m pytest -q tests/contract tests/shape/test_facts.py
    git diff --stat -- tests/contract docs

# Write and show the register of all columns: which of them are personal, special or secret.
register: _environment
    LOTSE_WRITE_CONTRACTS=1 {{ python }} -m pytest -q tests/contract/test_columns.py
    @grep -E '^(personal|special|secret)' tests/contract/columns/*.txt

_environment:
    @./lotse --help > /dev/null
