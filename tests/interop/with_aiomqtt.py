"""aiomqtt against the house. Run by run.sh."""

import asyncio
import json
import sys

import aiomqtt

from checks import check, run
from house import MQTT_HOST, MQTT_PORT, SOON_S, Person

PERSON = Person("aiomqtt")
LAMP = PERSON.device("light", "lamp")
CLIENT = PERSON.client("client")
VERSIONS = [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5]


def connected(credentials, **more):
    username, password = credentials
    return aiomqtt.Client(MQTT_HOST, MQTT_PORT, username=username, password=password,
                          timeout=SOON_S, **more)


async def following(client):
    """The next message."""
    return await asyncio.wait_for(anext(aiter(client.messages)), SOON_S)


@check
async def a_device_reports_and_is_told_what_is_wanted():
    for brightness, version in enumerate(VERSIONS, start=30):
        async with connected(LAMP, protocol=version) as lamp:
            await lamp.publish(f"devices/{LAMP[0]}/state", json.dumps({"brightness": brightness}), 1)
            assert PERSON.reported(LAMP[0])["brightness"] == brightness
            await lamp.subscribe(f"devices/{LAMP[0]}/set", 1)
            PERSON.want(LAMP[0], {"brightness": brightness + 10})
            while json.loads((await following(lamp)).payload).get("brightness") != brightness + 10:
                pass


@check
async def wrong_credentials_are_refused():
    try:
        async with connected((LAMP[0], "wrong")):
            raise AssertionError("let in")
    except aiomqtt.MqttError as error:
        assert "Not authorized" in str(error), error


@check
async def messages_pass_at_every_quality_of_service():
    for version in VERSIONS:
        async with connected(CLIENT, protocol=version) as client:
            await client.subscribe("qos/+", 2)
            for qos in (0, 1, 2):
                await client.publish(f"qos/{qos}", f"at {qos}", qos)
                message = await following(client)
                assert (message.payload, message.qos) == (f"at {qos}".encode(), qos)


@check
async def many_at_once_arrive_in_order():
    async with connected(CLIENT) as reader, connected(CLIENT) as writer:
        await reader.subscribe("many/#", 1)
        for number in range(300):
            await writer.publish("many/x", number, 1)
        for number in range(300):
            assert int((await following(reader)).payload) == number


@check
async def a_retained_message_waits_for_who_comes():
    async with connected(CLIENT) as writer, connected(CLIENT) as reader:
        await writer.publish("kept/it", "here", 1, retain=True)
        await reader.subscribe("kept/#")
        message = await following(reader)
        assert (message.payload, message.retain) == (b"here", True)
        await writer.publish("kept/it", b"", 1, retain=True)


@check
async def a_will_is_published_when_its_client_is_cut_off():
    async with connected(CLIENT) as watcher:
        await watcher.subscribe("wills/#", 1)
        dying = connected(CLIENT, will=aiomqtt.Will("wills/it", "gone", 1))
        await dying.__aenter__()
        dying._client.socket().close()
        assert (await following(watcher)).payload == b"gone"


@check
async def a_session_keeps_what_its_client_missed():
    sleeper = {"identifier": "sleeper", "clean_session": False,
               "protocol": aiomqtt.ProtocolVersion.V311}
    async with connected(CLIENT, **sleeper) as client:
        await client.subscribe("sleep/#", 1)
    async with connected(CLIENT) as writer:
        for number in range(5):
            await writer.publish("sleep/x", number, 1)
    async with connected(CLIENT, **sleeper) as client:
        assert [int((await following(client)).payload) for _ in range(5)] == list(range(5))


@check
async def who_shares_a_subscription_shares_the_messages():
    v5 = {"protocol": aiomqtt.ProtocolVersion.V5}
    async with connected(CLIENT, **v5) as one, connected(CLIENT, **v5) as other:
        counts = [0, 0]

        async def work(client, place):
            async for _ in client.messages:
                counts[place] += 1

        for client in (one, other):
            await client.subscribe("$share/all/work/#", 1)
        tasks = [asyncio.create_task(work(client, at)) for at, client in enumerate((one, other))]
        async with connected(CLIENT) as writer:
            for number in range(40):
                await writer.publish("work/x", number, 1)
        async with asyncio.timeout(SOON_S):
            while sum(counts) < 40:
                await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        assert sum(counts) == 40 and all(counts), counts


sys.exit(0 if run("aiomqtt", lambda function: asyncio.run(function())) else 1)
