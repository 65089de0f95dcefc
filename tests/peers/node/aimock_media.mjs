// A simulator of platforms that make pictures and films; prints its address, runs until standard
// input ends. Arguments: where a film and a picture lie, and a picture as base64.
import { LLMock } from "@copilotkit/aimock";

const [film, picture, base64] = process.argv.slice(2);
const mock = new LLMock({ port: 0 });
mock.onImage("inline", { images: [{ b64Json: base64 }, { b64Json: base64 }] });
mock.onImage("linked", { image: { url: picture } });
mock.onVideo("waves", { video: { id: "film-1", status: "completed", url: film, duration: 5 } });
mock.onVideo("failing", { video: { id: "film-2", status: "failed", error: "It did not work." } });
mock.on({ userMessage: "ark film", endpoint: "video" }, { json: { status: "succeeded", content: { video_url: film }, usage: { completion_tokens: 9, total_tokens: 9 } } });
mock.on({ userMessage: "ark trouble", endpoint: "video" }, { json: { status: "failed", error: { code: "InternalServiceError", message: "It did not work." } } });
await mock.start();
console.log(mock.url);
process.stdin.resume();
process.stdin.on("end", async () => {
  await mock.stop();
  process.exit(0);
});
