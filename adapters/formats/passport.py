"""A passport written for people (HTML), for programs (JSON) and for archives (NeXus)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import h5py
import numpy as np

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2d3d;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;border-top:1px solid #d5dbe1;padding-top:1.2rem;margin-top:2rem}
table{border-collapse:collapse;width:100%;font-size:.88rem;margin:.6rem 0}
th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #e5e9ed;vertical-align:top}
img{max-width:100%}.aside td{color:#7a8794}.odd td{color:#c0392b}
.verdict{padding:.1rem .5rem;border-radius:.7rem;font-size:.85rem;color:#fff;background:#7a8794}
.agree{background:#2a9d5c}.tension{background:#d08a1d}.conflict{background:#c0392b}
small{color:#5a6875}code{font-size:.8rem}
"""
NUMBERS = ("consensus", "uncertainty", "chi2", "p", "tension")


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """The passport as one JSON document, keys in order, so that equal answers have equal bytes."""
    path.write_text(
        json.dumps(document, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    )


def write_nexus(path: Path, document: Mapping[str, Any], key: str) -> None:
    """One NXdata group a quantity: its claims over "claim", the consensus and verdict as attributes."""
    with h5py.File(path, "w") as file:
        file.attrs["NX_class"], file.attrs["default"] = "NXroot", "entry"
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = f"passport of {document['sample'] or 'a sample'}"
        process = entry.create_group("process")
        process.attrs["NX_class"] = "NXprocess"
        process["program"], process["key"] = "halos", key
        entry["passport"] = json.dumps(document, sort_keys=True)
        for quantity, answer in document["quantities"].items():
            _quantity(entry.create_group(quantity), answer)


def _quantity(group: h5py.Group, answer: Mapping[str, Any]) -> None:
    group.attrs["NX_class"], group.attrs["signal"], group.attrs["axes"] = "NXdata", "value", ["."]
    group.attrs["verdict"], group.attrs["definition"] = answer["verdict"], answer["definition"]
    for name in NUMBERS:
        # HDF5 has no null: what is not known is NaN here, and null in the JSON beside.
        group.attrs[name] = np.nan if answer[name] is None else float(answer[name])
    claims = answer["claims"]
    for name, column in (("value", "value"), ("value_errors", "uncertainty"), ("deviation", "deviation")):
        values = [np.nan if claim[column] is None else claim[column] for claim in claims]
        group[name] = np.array(values, float)
        group[name].attrs["units"] = "dimensionless" if name == "deviation" else answer["unit"]
    text = h5py.string_dtype()
    for name in ("source", "method", "key", "set_aside"):
        group.create_dataset(name, data=[str(claim[name] or "") for claim in claims], dtype=text)


def write_html(path: Path, document: Mapping[str, Any], pictures: Mapping[str, Path]) -> None:
    """A page that stands alone: style and pictures inside, no script, every text escaped."""
    name = escape(document["sample"] or "a sample")
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; "
        "style-src 'unsafe-inline'\">",
        f"<title>Passport of {name}</title><style>{STYLE}</style></head><body>",
        f"<h1>Passport of {name}</h1>",
        _summary(document),
    ]
    for quantity, answer in document["quantities"].items():
        parts.append(_section(quantity, answer, pictures.get(quantity)))
    parts += [_products(document), _flags(document["flags"]), "</body></html>"]
    path.write_text("\n".join(parts) + "\n")


def _summary(document: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td>{_words(quantity)}</td><td>{_number(answer['consensus'], answer['uncertainty'])}</td>"
        f"<td>{_unit(answer['unit'])}</td><td>{_badge(answer['verdict'])}</td></tr>"
        for quantity, answer in document["quantities"].items()
    ]
    head = "<tr><th>quantity</th><th>consensus</th><th>unit</th><th>verdict</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _section(quantity: str, answer: Mapping[str, Any], picture: Path | None) -> str:
    parts = [
        f"<h2>{_words(quantity)} {_badge(answer['verdict'])}</h2>",
        f"<p><small>{escape(answer['definition'])}</small></p>",
    ]
    if answer["consensus"] is not None:
        said = f"{_number(answer['consensus'], answer['uncertainty'])} {_unit(answer['unit'])}"
        parts.append(f"<p><b>{said}</b>{_chi2(answer)}</p>")
    else:
        parts.append(f"<p><b>No consensus is reported.</b>{_chi2(answer)}</p>")
    parts += [f"<p>{escape(each)}</p>" for each in answer["why"]]
    if picture is not None:
        data = base64.b64encode(picture.read_bytes()).decode()
        parts.append(f"<img alt='claims about {_words(quantity)}' src='data:image/png;base64,{data}'>")
    parts.append(_claims(answer))
    for other in answer["kept_apart"]:
        parts.append(f"<p>Kept apart: {escape(other['definition'])}</p>{_claims(other)}")
    return "\n".join(parts)


def _claims(answer: Mapping[str, Any]) -> str:
    names = ("claim", "value", "as stated", "from the others", "related by, flags")
    head = f"<tr>{''.join(f'<th>{name}</th>' for name in names)}</tr>"
    rows = []
    for claim in answer["claims"]:
        name = f"{claim['source']}: {claim['method']}"
        kind = "odd" if name in answer["odd"] else "aside" if claim["set_aside"] else ""
        stated = claim["stated"]
        away = "" if claim["deviation"] is None else f"{claim['deviation']:.1f} σ"
        notes = [*claim["related_by"], *(f"{flag['severity']}: {flag['message']}" for flag in claim["flags"])]
        notes += [f"not used: {claim['set_aside']}"] if claim["set_aside"] else []
        rows.append(
            f"<tr class='{kind}'><td>{escape(name)}<br><code>{escape(claim['key'][:12])}</code></td>"
            f"<td>{_number(claim['value'], claim['uncertainty'])} {_unit(claim['unit'])}</td>"
            f"<td>{_number(stated['value'], stated['uncertainty'])} {_unit(stated['unit'])}</td>"
            f"<td>{away}</td><td><small>{'<br>'.join(map(escape, notes))}</small></td></tr>"
        )
    return f"<table>{head}{''.join(rows)}</table>"


def _products(document: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(each['label'])}</td><td>{escape(each['technique'])}</td>"
        f"<td>{escape(each['recipe'])}</td><td><code>{escape(each['key'])}</code></td></tr>"
        for each in document["products"]
    ]
    head = "<tr><th>product</th><th>technique</th><th>recipe</th><th>key</th></tr>"
    return f"<h2>Products</h2><table>{head}{''.join(rows)}</table>"


def _flags(flags: list[dict[str, str]]) -> str:
    rows = [f"<li>{escape(each['severity'])}: {escape(each['message'])}</li>" for each in flags]
    return f"<h2>To mind</h2><ul>{''.join(rows)}</ul>" if rows else ""


def _chi2(answer: Mapping[str, Any]) -> str:
    if answer["chi2"] is None or answer["dof"] is None:
        return ""
    return f" <small>χ² {answer['chi2']:.2f} of {answer['dof']}, p {answer['p']:.2g}</small>"


def _number(value: float | None, error: float | None) -> str:
    if value is None:
        return "—"
    if not error:
        return f"{value:.6g}"
    places = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{places}f} ± {error:.{places}f}" if places < 9 else f"{value:.6g} ± {error:.2g}"


def _badge(verdict: str) -> str:
    return f"<span class='verdict {escape(verdict.split(maxsplit=1)[0])}'>{escape(verdict)}</span>"


def _words(name: str) -> str:
    return escape(name.replace("_", " "))


def _unit(unit: str) -> str:
    return "" if unit == "dimensionless" else escape(unit)
