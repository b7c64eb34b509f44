"""A bot's cost as text for a terminal."""

from __future__ import annotations

from rasa_llm_components.cost.measurement import Cost, Step


def as_text(cost: Cost, price_per_hour: float | None) -> str:
    """One table of steps, and the figures that follow from them."""
    from terminaltables import AsciiTable

    rows = [_row(step) for step in [*cost.steps, cost.message]]
    if cost.decision:
        rows.append([*_row(cost.decision)[:3], "after it"])
    table = AsciiTable([["step", "p50 ms", "p99 ms", "share"], *rows])
    table.justify_columns = {1: "right", 2: "right", 3: "right"}
    memory = cost.memory_mb
    lines = [
        f"{cost.messages} different messages through {cost.model}, one after the other",
        str(table.table),
        f"Speed    {cost.messages_per_second:.1f} messages a second in one Rasa process",
        f"Layers   {_layers(cost)}",
        f"Memory   {memory['after']} MB, {memory['loaded']} MB when loaded, {memory['before']} MB before the bot was",
        f"Energy   {cost.watts:.1f} Wh an hour at full load, {cost.kwh_a_million:.2f} kWh a million messages",
        f"         {cost.energy.how}",
    ]
    if price_per_hour is None:
        lines.append("Price    --price-per-hour X says what a million messages cost on a machine of that price")
    else:
        price = cost.price_a_million(price_per_hour)
        lines.append(f"Price    {price:.2f} a million messages, on a fully used machine at {price_per_hour:g} an hour")
    return "\n".join(lines)


def _row(step: Step) -> list[str]:
    return [step.component, f"{step.p50_ms:.2f}", f"{step.p99_ms:.2f}", f"{step.share:.0%}"]


def _layers(cost: Cost) -> str:
    if not cost.layers:
        return "none of a transformer in this process"
    parts = [f"{one.count}{' tuned' if one.tuned else ''} ({one.component})" for one in cost.layers]
    return f"a message passes {sum(one.count for one in cost.layers)} layers of transformers: {' + '.join(parts)}"
