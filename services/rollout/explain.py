"""What a plan will do, in words, before anything starts."""

from services.rollout.spec import ALL, Spec, Step


def explain(spec: Spec) -> list[str]:
    """A plan in lines for people."""
    lines = [_step(place, step, spec) for place, step in enumerate(spec.steps, 1)]
    if spec.shadow_percent:
        lines.append(
            f"Meanwhile {spec.shadow_percent:g} % of the stable users' requests are copied to the "
            "new release, to compare the lists: users see none of it, but stages have the load."
        )
    seconds = sum(step.seconds for step in spec.steps)
    lines.append(f"At the soonest all users have the new release after {_time(seconds)}.")
    lines.append(
        "A step is left when, all at once: its time is over; both arms have had the "
        f"requests; {spec.blocks} blocks of {spec.block_seconds:g} s had requests in "
        f"both arms, and one of them ended within {spec.fresh_seconds:g} s; no guard "
        "holds. Until then it waits, however long."
    )
    lines.append(
        "At any time in a step, also while it waits or is paused, all users go back to "
        "the stable release when one of these is proven:"
    )
    lines += [f"  {guard.explain()}" for guard in spec.guards if guard.judges]
    lines += [f"  ({guard.explain()})" for guard in spec.guards if not guard.judges]
    wanted = (f"{guard.name} {guard.samples:,} {guard.unit}" for guard in spec.guards)
    lines.append(f"No guard calls the release good before it has seen: {'; '.join(wanted)}.")
    lines.append(
        f"Proven: evidence of {1 / spec.alpha:,.0f} to 1, which takes at least "
        f"{spec.blocks} blocks ({_time(spec.blocks * spec.block_seconds)}) for what is "
        "counted by time. From 20 to 1 on the step waits. A release as good as stable is "
        f"taken back in at most {spec.false_rollbacks * 100:g} % of rollouts."
    )
    return lines


def _step(place: int, step: Step, spec: Spec) -> str:
    if step.percent == ALL:
        return f"{place}. 100 % of the users: the new release is the stable one, the rollout ends."
    return (
        f"{place}. {step.percent:g} % of the users have the new release and {step.percent:g} % are "
        f"the control, for at least {_time(step.seconds)} and {step.requests:,} requests in each."
    )


def _time(seconds: float) -> str:
    """Seconds as people write them."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.4g} {unit}"
    return f"{seconds:g} s"
