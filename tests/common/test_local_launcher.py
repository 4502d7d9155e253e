"""The launcher `./lotse`, with a small stand-in for uv: what it installs when, and what it says when it cannot."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "lotse"
TOOLS = ("sh", "cat", "cksum", "dirname", "readlink", "ls", "mkdir", "mv", "ps", "rm", "sleep", "ln", "chmod", "env")

UV = """#!/bin/sh
# Writes down what it was asked, and makes an environment whose `lotse` says what it was given.
echo "$@" >>{asked}
case "$*" in
    --version) echo "uv 0" ;;
    *" venv "*)
        for venv; do :; done
        mkdir -p "$venv/bin"
        echo >"$venv/pyvenv.cfg"
        {{ echo '#!/bin/sh'; echo 'case "$1 $2" in "-m pytest") echo "tests: $*, in $(pwd)" ;;'
           echo '*) exec {python} "$@" ;; esac'; }} >"$venv/bin/python"
        {{ echo '#!/bin/sh'; echo 'echo "given: $*"'; echo 'exit 7'; }} >"$venv/bin/lotse"
        chmod +x "$venv/bin/python" "$venv/bin/lotse" ;;
    *all.lock) sleep {seconds}; exit {code} ;;
esac
"""


class Machine:
    """A copy of the launcher in a small repository, on a machine that has only what is put on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a clone"
        self.bin = folder / "bin"
        self.asked = folder / "asked"
        for made in (self.root / "requirements", self.bin):
            made.mkdir(parents=True)
        (self.root / "requirements/all.lock").write_text("a==1\n")
        (self.root / "pyproject.toml").write_text("[project]\n")
        shutil.copy(LAUNCHER, self.root / "lotse")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, f"this machine has no {tool}"
            (self.bin / tool).symlink_to(found)

    def program(self, name: str, text: str) -> None:
        """Put a program on the PATH."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def uv(self, *, seconds: float = 0, code: int = 0) -> None:
        """Put the stand-in for uv on the PATH; it installs for so long, and ends so."""
        self.program("uv", UV.format(asked=self.asked, python=sys.executable, seconds=seconds, code=code))

    def lotse(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the launcher, from another folder and without a HOME."""
        return subprocess.run(
            [self.root / "lotse", *arguments],
            env={"PATH": str(self.bin), **environment},
            cwd=self.bin,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def installations(self) -> int:
        """How often it installed from the lock."""
        asked = self.asked.read_text() if self.asked.exists() else ""
        return asked.count("--require-hashes")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with nothing but the tools of every system."""
    return Machine(tmp_path)


def test_the_first_run_installs_and_hands_over(machine: Machine) -> None:
    """Arguments and exit code are those of the real command; what is installed is pinned by hashes."""
    machine.uv()

    ran = machine.lotse("up", "--port", "0")

    assert (ran.stdout, ran.returncode) == ("given: up --port 0\n", 7)
    assert "installing" in ran.stderr
    asked = machine.asked.read_text()
    assert f"--require-hashes -r {machine.root}/requirements/all.lock" in asked
    assert f"--no-deps --no-build-isolation -e {machine.root}" in asked


def test_the_second_run_installs_nothing_and_says_nothing(machine: Machine) -> None:
    """An environment that is fresh is only used."""
    machine.uv()
    machine.lotse()

    ran = machine.lotse("status")

    assert (ran.stdout, ran.stderr) == ("given: status\n", "")
    assert machine.installations() == 1


@pytest.mark.parametrize("changed", ["requirements/all.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_anew(machine: Machine, changed: str) -> None:
    """After an upgrade of the clone the next run brings the environment up to date."""
    machine.uv()
    machine.lotse()
    (machine.root / changed).write_text("b==2\n")

    machine.lotse()

    assert machine.installations() == 2


def test_a_failed_installation_is_taken_up_again(machine: Machine) -> None:
    """Nothing is handed over to half an environment, neither now nor the next time."""
    machine.uv(code=1)
    failed = machine.lotse()
    machine.uv()

    again = machine.lotse("status")

    assert (failed.stdout, failed.returncode) == ("", 69)
    assert "failed" in failed.stderr
    assert again.stdout == "given: status\n"
    assert machine.installations() == 2


def test_two_runs_at_once_install_once(machine: Machine) -> None:
    """The second waits for the first, and uses what it made."""
    machine.uv(seconds=0.5)
    first = subprocess.Popen(
        [machine.root / "lotse", "one"],
        env={"PATH": str(machine.bin)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )

    second = machine.lotse("two")
    said, _ = first.communicate(timeout=30)

    assert said == b"given: one\n"
    assert second.stdout == "given: two\n"
    assert machine.installations() == 1


def test_a_killed_installation_does_not_block_the_next(machine: Machine) -> None:
    """The guard of a process that is gone counts for nothing."""
    machine.uv()
    ended = subprocess.Popen(["true"])
    ended.wait()
    guard = machine.root / ".venv.lock"
    guard.mkdir()
    (guard / "pid").write_text(str(ended.pid))

    assert machine.lotse("status").stdout == "given: status\n"
    assert not guard.exists()


def test_an_environment_whose_python_is_gone_is_made_anew(machine: Machine) -> None:
    """After an upgrade of the system's Python the environment's points to nothing."""
    machine.uv()
    machine.lotse()
    (machine.root / ".venv/bin/python").unlink()

    assert machine.lotse("status").stdout == "given: status\n"
    assert machine.installations() == 2


def test_a_folder_that_is_no_environment_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    """LOTSE_VENV set to somebody's folder by mistake costs nothing."""
    machine.uv()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")

    ran = machine.lotse(LOTSE_VENV=str(tmp_path / "mine"))

    assert ran.returncode == 73
    assert "not an environment" in ran.stderr
    assert (tmp_path / "mine/thesis.txt").exists()


def test_a_place_that_cannot_be_written_is_told(machine: Machine, tmp_path: Path) -> None:
    """With what to do about it; a file in the way stands for a read-only tree, which root would write to."""
    machine.uv()
    (tmp_path / "file").touch()

    ran = machine.lotse(LOTSE_VENV=str(tmp_path / "file/venv"))

    assert ran.returncode == 73
    assert "LOTSE_VENV" in ran.stderr


def test_without_python_and_uv_it_says_what_to_install(machine: Machine) -> None:
    """One sentence, not a failed command."""
    ran = machine.lotse()

    assert ran.returncode == 69
    assert "no Python 3.11, 3.12 or 3.13" in ran.stderr


def test_a_python_that_is_too_old_is_none(machine: Machine) -> None:
    """Also when it is called python3."""
    machine.program("python3", "#!/bin/sh\nexit 1\n")

    assert "no Python 3.11, 3.12 or 3.13" in machine.lotse().stderr


def test_a_missing_venv_module_is_named(machine: Machine) -> None:
    """Debian ships Python without it: the package's name is told."""
    machine.program(
        "python3.12",
        f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.12 ;; *) exec {sys.executable} "$@" ;; esac\n',
    )

    ran = machine.lotse()

    assert ran.returncode == 69
    assert "apt install python3.12-venv" in ran.stderr


def test_the_tests_are_run_from_the_root(machine: Machine) -> None:
    """`./lotse test` is pytest over everything with two workers, or with the arguments given."""
    machine.uv()

    everything, one = machine.lotse("test"), machine.lotse("test", "tests/common", "-x")

    shared = "-n 3 --dist loadfile --no-loadscope-reorder"
    assert everything.stdout == f"tests: -m pytest {shared} tests, in {machine.root}\n"
    assert one.stdout == f"tests: -m pytest tests/common -x, in {machine.root}\n"


def test_it_may_be_called_through_a_link(machine: Machine) -> None:
    """A link in ~/bin leads to the clone it belongs to."""
    machine.uv()
    (machine.bin / "link").symlink_to(machine.root / "lotse")

    ran = subprocess.run(
        [machine.bin / "link", "status"], env={"PATH": str(machine.bin)}, capture_output=True, text=True, check=False
    )

    assert ran.stdout == "given: status\n"
    assert (machine.root / ".venv/lotse.stamp").exists()
