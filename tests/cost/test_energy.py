"""Energy is read where the machine tells it, and called an estimate where it does not."""

import time

import pytest

from rasa_llm_components.cost.energy import EnergyMeter


@pytest.fixture
def counters(tmp_path):
    """Files as Linux shows them: two processors, a part of the first, and something that is no processor."""
    for folder, name, start in (
        ("intel-rapl:0", "package-0", 1_000_000),
        ("intel-rapl:1", "package-1", 9_000_000),
        ("intel-rapl:0:0", "core", 500_000),
        ("intel-rapl:2", "psys", 5_000_000),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "name").write_text(f"{name}\n")
        (tmp_path / folder / "energy_uj").write_text(f"{start}\n")
        (tmp_path / folder / "max_energy_range_uj").write_text("10000000\n")
    return tmp_path


def test_the_processors_counters_are_added_up_and_may_begin_again(counters):
    meter = EnergyMeter(rapl=counters)
    (counters / "intel-rapl:0" / "energy_uj").write_text("4000000\n")
    (counters / "intel-rapl:0:0" / "energy_uj").write_text("3000000\n")
    (counters / "intel-rapl:1" / "energy_uj").write_text("500000\n")
    energy = meter.read()
    assert energy.joules == pytest.approx(3 + 1.5)
    assert energy.measured
    assert "RAPL" in energy.how


def test_without_counters_it_is_processor_time_by_the_watts_that_were_given(tmp_path):
    meter, one = EnergyMeter(rapl=tmp_path, watts_per_core=7), EnergyMeter(rapl=tmp_path, watts_per_core=1)
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    energy, of_one_watt = meter.read(), one.read()
    assert energy.joules >= 7 * 0.2
    assert energy.joules == pytest.approx(7 * of_one_watt.joules, rel=0.2)
    assert not energy.measured
    assert energy.how.startswith("an estimate")
    assert "7 watts a core" in energy.how


def test_a_counter_that_only_root_may_read_is_none(counters):
    (counters / "intel-rapl:1" / "energy_uj").unlink()
    assert not EnergyMeter(rapl=counters).read().measured


def test_a_gpu_that_cannot_be_read_is_said_to_be_missing(counters):
    energy = EnergyMeter(rapl=counters, gpu=True).read()
    if "GPU's was read" not in energy.how:
        assert not energy.measured
        assert "the GPU's is not in it" in energy.how
