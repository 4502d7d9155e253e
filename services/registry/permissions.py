"""Who may call which route of registry, by the name of the route; the scope comes from the grant."""

from collections.abc import Mapping

from libs.common.callers import Role

PERMISSIONS: Mapping[str, frozenset[Role]] = {}
