"""A new site's folder: what is written into it, ready to run and to be read by its people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deployments.site.errors import SiteExistsError
from deployments.site.policy import FILE as POLICY
from deployments.site.rules import FILE as WATCH
from deployments.site.site import FILE as SITE
from deployments.site.site import Site, site_at

SITE_YAML = """\
# What this site is. Paths count from this folder; every key: docs/reference/site.md
name: {name}

# Folders of raw data, by the names under which requests and rules know them. Nothing else is read.
roots:
{roots}
# Where products go; never below a root.
results: results

# Where to compute: a cluster of HALOS by name, or a YAML file. Without it, threads on this machine.
{cluster}

# The API of the hub. The login is never written here: set PREFECT_API_AUTH_STRING=user:password
# in the environment of the worker.
{hub}
# Reductions for the hub at the same time.
at_once: 1
"""

POLICY_YAML = """\
# What may be done here, who may ask, and which products may leave.
# What is not allowed here is refused; as it stands, that is everything. Every key: docs/reference/site.md

# Recipes that may run for the hub at all.
recipes: []
# recipes: [saxs, native-ms, structure]

# Who may ask, and for what. Put the public key of each into keys/trusted/NAME.pub.
askers: []
# askers:
#   - asker: anna                        # the key is keys/trusted/anna.pub
#     recipes: [saxs]                    # "*" takes all recipes above
#     data: [{root}/proposal-1]            # roots, or folders below them

# Longest time that a ticket may hold, in seconds.
ticket_lasts_at_most_s: 3600

# Products that may leave; the first that fits decides. Without any, all products stay.
leaving: []
# By sftp they go with the key in keys/transfer, to a host whose key stands in keys/known_hosts;
# without these files, with those of the user that runs the worker.
# leaving:
#   - to: sftp://halos@hub.example.org/inbox
#     techniques: [saxs]
#     data: [{root}]
#     not_before: 2027-01-01             # end of an embargo

# Products that never leave, whatever stands above.
stays:
  techniques: []
  data: []
# stays:
#   techniques: [mri]
#   data: [clinic]
"""

WATCH_YAML = """\
# Which runs are reduced by themselves as soon as they are complete: the first rule that fits a run decides.
every_s: 10
settle_s: 5
rules: []
# rules:
#   - glob: "**/*_buffer.h5"             # leave buffers alone: they belong to a sample
#     recipe:
#   - glob: "**/*_sample.h5"
#     root: {root}
#     recipe: saxs
#     parameters: {{images: {{integration: {{q_max: 0.3}}}}}}
#     buffer: {{text: _sample, instead: _buffer}}
"""


def laid(
    folder: Path, name: str, roots: Mapping[str, Path], hub: str | None, cluster: str | None = None
) -> Site:
    """A new site in `folder`, which allows nothing yet; SiteExistsError unless it is new or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SiteExistsError(str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    # Tickets, logs and keys are the site's own.
    folder.chmod(0o700)
    (folder / "keys" / "trusted").mkdir(parents=True)
    first = next(iter(roots))
    lines = "".join(f"  {each}: {_quoted(path)}\n" for each, path in roots.items())
    said = f"hub: {_quoted(hub)}\n" if hub else "# hub: https://hub.example.org/api\n"
    where = f"cluster: {_quoted(cluster)}" if cluster else "# cluster: cluster.yaml"
    (folder / SITE).write_text(SITE_YAML.format(name=name, roots=lines, hub=said, cluster=where))
    (folder / POLICY).write_text(POLICY_YAML.format(root=first))
    (folder / WATCH).write_text(WATCH_YAML.format(root=first))
    return site_at(folder)


def _quoted(text: str | Path) -> str:
    import json

    # Every JSON text is YAML.
    return json.dumps(str(text), ensure_ascii=False)
