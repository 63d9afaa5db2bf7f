"""The official `openai` package against our gateway. Started by a test that brings a gateway.

    OPENCLAW_TEST_URL    the gateway, with http://
    OPENCLAW_TEST_TOKEN  its token

The model behind it calls `weather` when it is asked for an umbrella, and otherwise says
"It is heard."
"""

import json
import os

import openai

REPLY = "It is heard."
WEATHER = {
    "name": "weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}

base_url = os.environ["OPENCLAW_TEST_URL"] + "/v1"
client = openai.OpenAI(
    base_url=base_url, api_key=os.environ["OPENCLAW_TEST_TOKEN"], max_retries=0
)


def models():
    ids = [model.id for model in client.models.list()]
    assert "openclaw/main" in ids, ids
    assert client.models.retrieve("openclaw").owned_by == "openclaw"


def chat():
    messages = [{"role": "user", "content": "Is it heard?"}]
    whole = client.chat.completions.create(model="openclaw", messages=messages)
    assert whole.choices[0].message.content == REPLY, whole
    assert whole.usage.total_tokens > 0, whole
    pieces = list(
        client.chat.completions.create(
            model="openclaw",
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    said = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert said == REPLY, pieces
    assert pieces[-1].usage.total_tokens > 0, pieces[-1]


def chat_with_a_tool():
    messages = [{"role": "user", "content": "Do I need an umbrella?"}]
    tools = [{"type": "function", "function": WEATHER}]
    first = client.chat.completions.create(model="openclaw", messages=messages, tools=tools)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls", first
    (call,) = choice.message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Oslo"}, call
    messages.append(choice.message)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    second = client.chat.completions.create(model="openclaw", messages=messages, tools=tools)
    assert second.choices[0].message.content == REPLY, second


def responses():
    whole = client.responses.create(model="openclaw", input="Is it heard?")
    assert whole.output_text == REPLY, whole
    assert whole.usage.total_tokens > 0, whole
    with client.responses.stream(model="openclaw", input="Is it heard?") as stream:
        said = "".join(
            event.delta for event in stream if event.type == "response.output_text.delta"
        )
        final = stream.get_final_response()
    assert said == REPLY, said
    assert final.output_text == REPLY, final


def responses_with_a_tool():
    tools = [{"type": "function", "strict": False, **WEATHER}]
    first = client.responses.create(model="openclaw", input="An umbrella?", tools=tools)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"city": "Oslo"}, call
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    second = client.responses.create(
        model="openclaw", previous_response_id=first.id, input=[output], tools=tools
    )
    assert second.output_text == REPLY, second


def failures():
    stranger = openai.OpenAI(base_url=base_url, api_key="wrong", max_retries=0)
    try:
        stranger.models.list()
    except openai.AuthenticationError as error:
        assert error.status_code == 401, error
    else:
        raise AssertionError("a wrong token was taken")
    try:
        client.chat.completions.create(model="openclaw/nobody", messages=[])
    except openai.BadRequestError as error:
        assert "Invalid `model`" in error.message, error
    else:
        raise AssertionError("an unknown agent was taken")


for check in [models, chat, chat_with_a_tool, responses, responses_with_a_tool, failures]:
    check()
    print("ok", check.__name__)
