"""Which names are whose: settings and Backstage's files."""

from pathlib import Path

import pytest

from bot.errors import BotError
from bot.settings import Settings
from bot.watch.catalogue import Catalogue, Service

BACKSTAGE = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: checkout
  title: Checkout Service
  annotations:
    backstage.io/kubernetes-id: checkout-api
    github.com/project-slug: shop/checkout-web
spec:
  type: service
  lifecycle: production
  owner: group:default/payments
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: search}
spec: {owner: team-search}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: payments}
---
just text
"""


def catalogue(folder: Path, text: str = BACKSTAGE, **settings: object) -> Catalogue:
    """Return the catalogue of settings that name a Backstage file."""
    file = folder / "catalog-info.yaml"
    file.write_text(text)
    return Catalogue.from_settings(Settings.model_validate({"watch": {"catalog": [str(file)]}, **settings}))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["checkout"], "checkout"),
        (["CHECKOUT"], "checkout"),
        (["checkout-7d9f"], "checkout"),
        (["checkout-db-1"], "database"),
        (["web-1", "checkout"], "checkout"),
        (["cart", "checkout"], "cart"),
        (["pre-checkout"], None),
        (["check.ut"], None),
        ([], None),
    ],
)
def test_a_name_is_somebodys(names: list[str], found: str | None) -> None:
    """The first name that is known counts; of several patterns the plain one, then the longest."""
    services = [
        Service("checkout", ("checkout", "checkout-*")),
        Service("database", ("checkout-db-*", "*-db")),
        Service("cart", ("cart",)),
    ]
    service = Catalogue(services).service_of(names)
    assert (service.name if service else None) == found


def test_components_of_backstage_are_services(tmp_path: Path) -> None:
    """By name, title and what they are called in Kubernetes and on GitHub; other kinds are left out."""
    found = catalogue(tmp_path)
    assert [each.name for each in found.services] == ["checkout", "search"]
    for name in ("checkout", "Checkout Service", "checkout-api", "checkout-web"):
        service = found.service_of([name])
        assert service is not None
        assert service.name == "checkout"
    assert found.services[1].owner == "team-search"
    assert found.services[0].notify is None


def test_an_owner_of_backstage_is_an_id_only_where_the_settings_say_so(tmp_path: Path) -> None:
    """What somebody wrote into a file becomes no mention."""
    found = catalogue(tmp_path, slack={"names": {"payments": "S0PAY"}})
    assert [each.owner for each in found.services] == ["S0PAY", "team-search"]


def test_what_the_settings_say_wins(tmp_path: Path) -> None:
    """A service of both has the settings' channel and Backstage's further names and owner."""
    found = catalogue(tmp_path, services={"checkout": {"channel": "C0SHOP", "notify": "U0ANA"}})
    service = found.named("checkout")
    assert service == Service(
        "checkout",
        ("checkout", "Checkout Service", "checkout-api", "checkout-web"),
        "C0SHOP",
        "payments",
        "U0ANA",
        900,
    )


def test_a_folder_is_searched(tmp_path: Path) -> None:
    """One file a component, as Backstage finds them itself."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "catalog-info.yaml").write_text(f"kind: Component\nmetadata: {{name: {name}}}\n")
    found = Catalogue.from_settings(Settings.model_validate({"watch": {"catalog": [str(tmp_path)]}}))
    assert [each.name for each in found.services] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kind: [Component", "is not YAML"),
        ("a: &a [1]\nb: *a\n", "is not YAML"),
        ("!!python/object:os.system {}", "is not YAML"),
        ("kind: !!int x", "is not YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, why: str) -> None:
    """At the start, in one sentence."""
    with pytest.raises(BotError, match=why):
        catalogue(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The same for a path that is wrong."""
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(BotError, match=r"watch\.catalog"):
            Catalogue.from_settings(Settings.model_validate({"watch": {"catalog": [str(path)]}}))


def test_odd_components_are_left_out(tmp_path: Path) -> None:
    """What is no name is none, and nobody else's * means anything."""
    text = "kind: Component\nmetadata: {name: 7}\n---\nkind: Component\nmetadata: {name: ok, title: '*'}\nspec: [1]\n"
    assert [each.patterns for each in catalogue(tmp_path, text).services] == [("ok",)]
