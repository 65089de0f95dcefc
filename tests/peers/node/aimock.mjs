// A simulator of AI platforms as upstream; prints its address and runs until standard input ends.
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ port: 0 });
mock.onMessage("hello", { content: "Hello from the simulator, häßlich 你好" }, { chunkSize: 3 });
mock.onMessage("slow", { content: "one two three" }, { latency: 150, chunkSize: 4 });
mock.onMessage("weather", {
  toolCalls: [
    { name: "weather", arguments: { city: "Köln" } },
    { name: "time", arguments: {} },
  ],
});
mock.onMessage("truncated", { content: "a long answer ".repeat(20) }, { truncateAfterChunks: 3, chunkSize: 5, latency: 40 });
mock.onMessage("disconnected", { content: "a long answer ".repeat(200) }, { disconnectAfterMs: 60, latency: 20, chunkSize: 5 });
mock.onMessage("limited", { error: { message: "Rate limit reached", type: "rate_limit_error", code: "rate_limit_exceeded" }, status: 429 });
mock.onMessage("failing", { error: { message: "Server error", type: "server_error" }, status: 500 });
mock.onMessage("malformed", { content: "x" }, { chaos: { malformedRate: 1 } });
mock.onMessage("dropped", { content: "x" }, { chaos: { dropRate: 1 } });
mock.onMessage("chaotic limit", { content: "x" }, { chaos: { rateLimitRate: 1 } });
mock.onMessage("chaotic cut", { content: "x" }, { chaos: { disconnectRate: 1 } });
await mock.start();
console.log(mock.url);
process.stdin.resume();
process.stdin.on("end", async () => {
  await mock.stop();
  process.exit(0);
});
