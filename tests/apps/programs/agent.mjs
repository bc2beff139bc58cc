// An agent as people write them: `agent.mjs messages|chat|responses PROMPT`, with two tools.
// It knows nothing of the bridge: a vendor's SDK, a loop, and tools that really run.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The SDKs lie in a folder of their own.
const require = createRequire(`${process.env.SDKS}/`);
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;

const ROUNDS = 9;
const TOOLS = { shell: ["Run a command.", "command"], read: ["Read a file.", "path"] };

const tools = (shape) =>
  Object.entries(TOOLS).map(([name, [description, argument]]) =>
    shape(name, description, {
      type: "object",
      properties: { [argument]: { type: "string" } },
      required: [argument],
    }),
  );

const use = (name, given) =>
  name === "read"
    ? readFileSync(given.path, "utf8")
    : execFileSync("sh", ["-c", given.command], { encoding: "utf8" });

async function messages(said) {
  const Anthropic = await load("@anthropic-ai/sdk");
  const client = new Anthropic();
  const offered = tools((name, description, input_schema) => ({ name, description, input_schema }));
  for (let round = 0; round < ROUNDS; round++) {
    const answer = await client.messages
      .stream({
        model: "claude-sonnet-5-5",
        max_tokens: 4000,
        thinking: { type: "adaptive" },
        cache_control: { type: "ephemeral" },
        tools: offered,
        messages: said,
      })
      .finalMessage();
    said.push({ role: "assistant", content: answer.content });
    const calls = answer.content.filter((part) => part.type === "tool_use");
    if (!calls.length) return answer.content.map((part) => part.text ?? "").join("");
    const results = calls.map(({ id, name, input }) => ({
      type: "tool_result",
      tool_use_id: id,
      content: use(name, input),
    }));
    said.push({ role: "user", content: results });
  }
}

async function chat(said) {
  const OpenAI = await load("openai");
  const client = new OpenAI();
  const offered = tools((name, description, parameters) => ({
    type: "function",
    function: { name, description, parameters },
  }));
  for (let round = 0; round < ROUNDS; round++) {
    const stream = client.chat.completions.stream({
      model: "gpt-6.2-sol",
      tools: offered,
      messages: said,
    });
    const { role, content, tool_calls } = (await stream.finalChatCompletion()).choices[0].message;
    if (!tool_calls?.length) return content;
    said.push({ role, content, tool_calls: tool_calls.map(plain) });
    for (const { id, function: called } of tool_calls) {
      const result = use(called.name, JSON.parse(called.arguments));
      said.push({ role: "tool", tool_call_id: id, content: result });
    }
  }
}

// Without what the SDK adds for its reader.
const plain = ({ id, type, function: called }) => ({
  id,
  type,
  function: { name: called.name, arguments: called.arguments },
});

async function responses(said) {
  const OpenAI = await load("openai");
  const client = new OpenAI();
  const offered = tools((name, description, parameters) => ({
    type: "function",
    name,
    description,
    parameters,
  }));
  for (let round = 0; round < ROUNDS; round++) {
    const stream = client.responses.stream({
      model: "gpt-6.2-sol",
      store: false,
      include: ["reasoning.encrypted_content"],
      tools: offered,
      input: said,
    });
    const answer = await stream.finalResponse();
    said.push(...answer.output.map(({ parsed, parsed_arguments, ...item }) => item));
    const calls = answer.output.filter((item) => item.type === "function_call");
    if (!calls.length) return answer.output_text;
    for (const call of calls) {
      const output = use(call.name, JSON.parse(call.arguments));
      said.push({ type: "function_call_output", call_id: call.call_id, output });
    }
  }
}

const [kind, prompt] = process.argv.slice(2);
const answer = await { messages, chat, responses }[kind]([{ role: "user", content: prompt }]);
if (answer === undefined) throw new Error("it never comes to an end");
process.stdout.write(answer);
