"""Says which bed is dry, once a day at most. The sensor is one of examples/converters."""

from ferrobee import home, on, run, throttle

bed = home.device("tomato_bed")


@on(throttle(bed["moisture"] < 20, "1d"))
async def dry() -> None:
    home.publish("notify/phone", f"The tomatoes are thirsty: {bed['moisture'].value:g} %.")


if __name__ == "__main__":
    run("mqtt://localhost:1883")
