"""A card as a page of text."""

from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

WIDTH = 100


def page(card: Mapping[str, Any]) -> str:
    """The card for a reader at a terminal: purpose, inputs, outputs, variants, weights, figures, limits."""
    sections = {
        "Inputs": _inputs(card["inputs"]),
        "Outputs": _outputs(card["outputs"]),
        "Variants": _variants(card["variants"]),
        "Weights": _weights(card),
        "Measured": _measured(card["metrics"]),
        "Reported by the source, not measured here": _reported(card["reported"]),
        "Decisions": (f"{item['choice']}: {item['reason']}" for item in card["decisions"]),
        "Intended use": iter([card["intended_use"]]),
        "Limits": iter(card["limits"]),
        "Licence and citation": iter([card["licence"], card["citation"]]),
        "Requires": iter([", ".join(f"{name} {span}" for name, span in card["requires"].items())]),
    }
    title = f"{card['name']}: {card['title']}"
    blocks = [f"{title}\n{'=' * len(title)}\n{fill(card['description'], WIDTH)}"]
    for heading, lines in sections.items():
        body = "\n".join(_item(line) for line in lines)
        blocks.append(f"{heading}\n{'-' * len(heading)}\n{body or '  none'}")
    return "\n\n".join(blocks)


def _item(line: str) -> str:
    return fill(line, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _inputs(inputs: Mapping[str, Any]) -> Iterator[str]:
    for modality in inputs["modalities"]:
        missing = "may be missing" if modality["may_be_missing"] else "required"
        yield f"{modality['name']}: {modality['title']}, {missing}"
    spacing = " x ".join(f"{value:g}" for value in inputs["spacing_mm"])
    size = " x ".join(str(value) for value in inputs["size"]["trained"])
    yield f"spacing {spacing} mm; views {', '.join(inputs['views'])}; trained on {size} pixels"
    yield f"normalisation: {inputs['normalisation']}"


def _outputs(outputs: Mapping[str, Any]) -> Iterator[str]:
    yield outputs["description"]
    for item in outputs["classes"]:
        editions = "; ".join(f"{edition} {values}" for edition, values in item["values"].items())
        yield f"{item['id']} {item['name']} ({item['title']}), {item['colour']}; label values: {editions}"


def _variants(variants: Mapping[str, Any]) -> Iterator[str]:
    for name, variant in variants.items():
        yield f"{name}: {variant['title']}, {variant['parameters']:,} parameters"


def _weights(card: Mapping[str, Any]) -> Iterator[str]:
    for tag, entry in card["weights"].items():
        default = " (default)" if tag == card["default_weights"] else ""
        source = entry["trained_on"]
        yield f"{tag}{default}: variant {entry['variant']}, {entry['bytes'] / 1e6:.1f} MB {entry['dtype']}"
        yield f"  sha256 {entry['sha256']}"
        cases = f"{source['cases']} cases, {source['split']}, hash {source['split_hash']}"
        yield f"  trained on {source['data']}: {cases}"
        yield f"  {entry['recipe']} (seed {entry['seed']}, {entry['hours']:g} h on {entry['hardware']})"


def _measured(metrics: list[Mapping[str, Any]]) -> Iterator[str]:
    for entry in metrics:
        yield (
            f"weights {entry['weights']} on {entry['dataset']}, {entry['split']}, n = {entry['n']}, "
            f"modalities {', '.join(entry['modalities'])}; again by: {entry['command']}"
        )
        for value in entry["values"]:
            if value["mean"] is None:
                continue
            interval = value["interval"]
            span = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
            over = f"n = {value['n']} of {value['patients']} patients"
            yield f"  {value['class']} {value['metric']}: {value['mean']:.3f}{span}, {over}"


def _reported(reported: Mapping[str, Any]) -> Iterator[str]:
    yield f"{reported['source']} {reported['note']}"
    for claim in reported["claims"]:
        values = ", ".join(f"{name} {value}" for name, value in claim["values"].items())
        yield f"{claim['where']}: {claim['claim']}: {values}"
