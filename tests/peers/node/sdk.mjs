// The official Node SDK against a running server; prints what it saw as JSON.
import OpenAI from "openai";

const [url, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/sandbox/v1`, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];
const tools = [
  { type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } },
];
const seen = {};

const blocking = await client.chat.completions.create({ model: "sandbox-chat", messages });
seen.blocking = blocking.choices[0].message.content;
seen.request = blocking._request_id === blocking.id;

seen.stream = "";
for await (const chunk of await client.chat.completions.create({
  model: "sandbox-chat",
  messages,
  stream: true,
  stream_options: { include_usage: true },
})) {
  seen.stream += chunk.choices[0]?.delta?.content ?? "";
  seen.usage = chunk.usage ?? seen.usage;
}

const call = await client.chat.completions.create({
  model: "sandbox-chat",
  messages: [{ role: "user", content: "weather" }],
  tools,
});
seen.tool = call.choices[0].message.tool_calls[0].function.name;

const picture = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };
const file = { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,JVBERg==" } };
const looked = await client.chat.completions.create({
  model: "sandbox-chat",
  messages: [{ role: "user", content: [{ type: "text", text: "Look" }, picture, file] }],
});
seen.parts = looked.choices[0].message.content;

seen.models = (await client.models.list()).data.map((model) => model.id);

const failing = {
  AuthenticationError: () =>
    new OpenAI({ baseURL: `${url}/sandbox/v1`, apiKey: "tk-wrong", maxRetries: 0 }).models.list(),
  NotFoundError: () => client.chat.completions.create({ model: "none", messages }),
  BadRequestError: () => client.chat.completions.create({ model: "sandbox-chat", messages: [] }),
  RateLimitError: () => client.chat.completions.create({ model: "sandbox-429", messages }),
  InternalServerError: () => client.chat.completions.create({ model: "sandbox-500", messages }),
  APIError: async () => {
    for await (const _chunk of await client.chat.completions.create({
      model: "sandbox-cut",
      messages,
      stream: true,
    }));
  },
};
seen.errors = {};
for (const [name, run] of Object.entries(failing)) {
  try {
    await run();
  } catch (error) {
    seen.errors[name] = error instanceof OpenAI[name];
  }
}
console.log(JSON.stringify(seen));
