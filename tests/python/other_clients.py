"""LangChain, LiteLLM and `llm` against our gateway. Started by a test that brings a gateway.

    OPENCLAW_TEST_URL    the gateway, with http://
    OPENCLAW_TEST_TOKEN  its token

The model behind it calls `weather` when it is asked for an umbrella, is refused with 429 when it is
asked to hurry, and otherwise says "It is heard."
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import langchain_openai
import litellm
import openai

REPLY = "It is heard."
BASE_URL = os.environ["OPENCLAW_TEST_URL"] + "/v1"
TOKEN = os.environ["OPENCLAW_TEST_TOKEN"]


def weather(city: str) -> str:
    """Tells the weather."""
    return "sunny"


def langchain():
    chat = langchain_openai.ChatOpenAI(
        model="openclaw", base_url=BASE_URL, api_key=TOKEN, max_retries=0
    )
    assert chat.invoke("Is it heard?").content == REPLY
    said = "".join(piece.content for piece in chat.stream("Is it heard?"))
    assert said == REPLY, said
    (call,) = chat.bind_tools([weather]).invoke("Do I need an umbrella?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"}), call
    try:
        chat.invoke("Hurry!")
    except openai.RateLimitError as error:
        assert error.response.headers["retry-after"] == "3600", error.response.headers
    else:
        raise AssertionError("a limit was passed over")


def lite():
    def ask(text, **more):
        messages = [{"role": "user", "content": text}]
        return litellm.completion(
            "openai/openclaw", messages, base_url=BASE_URL, api_key=TOKEN, num_retries=0, **more
        )

    whole = ask("Is it heard?")
    assert whole.choices[0].message.content == REPLY, whole
    assert whole.usage.total_tokens > 0, whole
    pieces = [piece.choices[0].delta.content or "" for piece in ask("Is it heard?", stream=True)]
    assert "".join(pieces) == REPLY, pieces
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters}}
    (call,) = ask("Do I need an umbrella?", tools=[tool]).choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Oslo"}, call
    try:
        ask("Hurry!")
    except litellm.RateLimitError:
        pass
    else:
        raise AssertionError("a limit was passed over")


def llm():
    with tempfile.TemporaryDirectory() as home:
        # Without `api_key_name` it sends a key of its own making, whatever `--key` says.
        entry = {
            "model_id": "claw",
            "model_name": "openclaw",
            "api_base": BASE_URL,
            "api_key_name": "claw",
        }
        home_path = pathlib.Path(home)
        (home_path / "extra-openai-models.yaml").write_text(json.dumps([entry]))
        (home_path / "keys.json").write_text(json.dumps({"claw": TOKEN}))
        environment = {**os.environ, "LLM_USER_PATH": home}
        for more in ([], ["--no-stream"]):
            command = [sys.executable, "-m", "llm", "-m", "claw", *more, "Is it heard?"]
            ran = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
            assert (ran.returncode, ran.stdout.strip()) == (0, REPLY), ran


langchain()
lite()
llm()
