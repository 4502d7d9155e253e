"""The import contracts hold, the linter sees every module, and each contract is seen to fail when it is broken."""

import configparser
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shape.places import ROOT, SERVICES, plant, python_in

LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
SEE = "import grimp, json, sys; print(json.dumps(sorted(grimp.build_graph(*sys.argv[1:], cache_dir=None).modules)))"

# Alembic loads these files by their path; no module imports them, and they import their service's tables at most.
UNSEEN = "migrations"

PLANTED = [
    ("services-are-strangers", "services/registry/offers/routes.py", "from services.events.offers import model"),
    ("libs-below-services", "libs/common/clock.py", "import services.notify.offers.model"),
    ("doors-above-model", "services/matching/offers/rules.py", "from services.matching.offers import routes"),
    ("doors-above-model", "services/matching/offers/model.py", "from services.matching.offers.reactions import told"),
    ("doors-above-model", "services/events/offers/queries.py", "from services.events.partners import routes"),
    ("model-without-io", "services/registry/offers/model.py", "import fastapi"),
    ("model-without-io", "services/registry/offers/model.py", "import faststream.nats"),
    ("model-without-io", "services/registry/offers/rules.py", "import nats.errors"),
    ("model-without-io", "services/registry/offers/rules.py", "import structlog"),
    ("model-without-io", "services/notify/offers/model.py", "from libs.common.outbox import announce"),
    ("model-without-io", "services/notify/offers/model.py", "from libs.common import bus"),
    ("model-without-io", "services/notify/offers/model.py", "from libs.common.service import build"),
    ("model-without-io", "libs/common/clock.py", "from libs.common import db"),
    ("facts-of-registry", "services/notify/offers/routes.py", "from libs.common.facts import registry"),
    ("facts-of-events", "services/matching/offers/model.py", "from libs.common.facts import events"),
    ("facts-of-matching", "services/registry/offers/queries.py", "from libs.common.facts.matching import Told"),
    ("facts-of-notify", "libs/common/clock.py", "from libs.common.facts.notify import Told"),
    ("images-are-closed", "services/events/offers/routes.py", "from deploy.local import state"),
    ("images-are-closed", "libs/common/clock.py", "import tests.places"),
]


def a_noun(service: str, noun: str) -> dict[str, str]:
    """The files of a noun that keeps every contract: doors use the model, reactions hear other services' facts."""
    here, package = f"services/{service}/{noun}", f"services.{service}.{noun}"
    heard = "\n".join(f"import libs.common.facts.{speaker}" for speaker in SERVICES)
    return {
        f"{here}/__init__.py": '"""A noun."""\n',
        f"{here}/model.py": "from libs.common import clock\n",
        f"{here}/rules.py": f"from {package} import model\n",
        f"{here}/queries.py": f"from {package} import model\nfrom libs.common import db\n",
        f"{here}/routes.py": f"import fastapi\nfrom {package} import model, queries, rules\n"
                             f"from libs.common.facts.{service} import Told\n",
        f"{here}/reactions.py": f"from {package} import model\nfrom libs.common import db\n{heard}\ntold = 1\n",
    }


def a_tree(root: Path) -> Path:
    """A small product with the repository's own contracts, all of them kept."""
    shutil.copy(ROOT / ".importlinter", root / ".importlinter")
    files = {"libs/__init__.py": "", "libs/common/__init__.py": "", "libs/common/facts/__init__.py": "",
             "deploy/local/__init__.py": "", "deploy/local/state.py": "", "tests/places.py": "",
             "libs/common/known.py": "import libs.common.facts.registry\n"}
    files |= {f"libs/common/{module}.py": "" for module in ("clock", "bus", "db", "outbox", "service")}
    for service in SERVICES:
        files |= {f"services/{service}/__init__.py": "", f"libs/common/facts/{service}.py": "class Told: ...\n"}
        files |= a_noun(service, "offers") | a_noun(service, "partners")
    return plant(root, files)


def run(code: str, tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the code in a process of its own whose modules are those of the tree."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=tree, text=True, capture_output=True, check=False)


def contracts() -> configparser.ConfigParser:
    """The contracts as they stand in the file."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    return parser


def modules_unseen(tree: Path) -> list[str]:
    """The modules of the tree that the linter does not look at, and so cannot find at fault."""
    roots = contracts()["importlinter"]["root_packages"].split()
    seen = set(json.loads(run(SEE, tree, *roots).stdout))
    there = (path.relative_to(tree).with_suffix("").parts for path in python_in(tree, "services", "libs"))
    return sorted(".".join(parts) for parts in there
                  if UNSEEN not in parts and ".".join(parts).removesuffix(".__init__") not in seen)


def test_every_import_contract_is_kept() -> None:
    """The map of who may import whom, and who may hear whom, is how the code is."""
    linted = run(LINT, ROOT)

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_linter_sees_every_module() -> None:
    """A module that the linter does not see breaks contracts without anyone noticing."""
    assert modules_unseen(ROOT) == []


def test_a_folder_without_init_is_noticed(tmp_path: Path) -> None:
    """grimp passes over a folder without __init__.py inside a package, and everything below it."""
    tree = a_tree(tmp_path)
    (tree / "services/registry/offers/__init__.py").unlink()

    assert "services.registry.offers.model" in modules_unseen(tree)


def test_a_tree_that_keeps_the_contracts_passes(tmp_path: Path) -> None:
    """What is planted below fails for what is planted, not for how the tree is made."""
    linted = run(LINT, a_tree(tmp_path))

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_each_contract_has_a_planted_violation() -> None:
    """A contract never seen failing is none."""
    there = {name.rsplit(":", 1)[1] for name in contracts().sections() if ":contract:" in name}

    assert there == {contract for contract, _, _ in PLANTED}


@pytest.mark.parametrize(("contract", "file", "line"), PLANTED)
def test_a_planted_violation_breaks_its_contract(tmp_path: Path, contract: str, file: str, line: str) -> None:
    """Each contract, as it is written in the repository, fails on a line that breaks it."""
    tree = a_tree(tmp_path)
    planted = tree / file
    planted.write_text(f"{line}\n{planted.read_text(encoding='utf-8')}", encoding="utf-8")

    linted = run(LINT, tree)

    name = contracts()[f"importlinter:contract:{contract}"]["name"]
    assert linted.returncode == 1
    assert f"{name} BROKEN" in linted.stdout, linted.stdout + linted.stderr
