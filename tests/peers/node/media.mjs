// Pictures and films by the official Node SDK against a running server; prints what it saw as JSON.
import OpenAI, { toFile } from "openai";

const [url, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/sandbox/v1`, apiKey: key, maxRetries: 0 });
const seen = {};
const head = (bytes) => Buffer.from(bytes).subarray(0, 8).toString("hex");

const made = await client.images.generate({ model: "sandbox-image", prompt: "A cat" });
const picture = Buffer.from(made.data[0].b64_json, "base64");
seen.generated = head(picture);

const files = await Promise.all(["a.png", "b.png"].map((name) => toFile(picture, name, { type: "image/png" })));
const edited = await client.images.edit({ model: "sandbox-image", prompt: "By night", image: files });
seen.edited = head(Buffer.from(edited.data[0].b64_json, "base64"));

let film = await client.videos.create({
  model: "sandbox-video",
  prompt: "Waves",
  seconds: "4",
  input_reference: files[0],
});
while (film.status === "queued" || film.status === "in_progress") {
  await new Promise((resolve) => setTimeout(resolve, 200));
  film = await client.videos.retrieve(film.id);
}
seen.status = film.status;
seen.content = head(await (await client.videos.downloadContent(film.id)).arrayBuffer());
const remix = await client.videos.remix(film.id, { prompt: "By night" });
seen.remixed = remix.remixed_from_video_id === film.id;
seen.read = (await client.videos.retrieve(remix.id)).id === remix.id;
seen.listed = (await client.videos.list({ limit: 1 })).data[0].id === remix.id;
seen.deleted = (await client.videos.delete(film.id)).deleted;
try {
  await client.videos.retrieve(film.id);
} catch (error) {
  seen.gone = error instanceof OpenAI.NotFoundError;
}
console.log(JSON.stringify(seen));
