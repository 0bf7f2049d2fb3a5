// OpenAI's client for JavaScript against a server; the same file runs in Node and, bundled, in a page.
//
//     npm install openai
//     node benchmarks/clients/openai_npm.mjs http://127.0.0.1:8000

import OpenAI from "openai";

const TEXT = "Today is a wonderful day to build something people love!";

async function speakFirstExample(client) {
  const answer = await client.audio.speech.create({
    model: "gpt-4o-mini-tts",
    voice: "coral",
    input: TEXT,
    instructions: "Speak in a cheerful and positive tone.",
  });
  const content = await answer.arrayBuffer();
  const ignored = answer.headers.get("x-ignored");
  if (ignored !== "instructions") throw new Error(`x-ignored is ${ignored}`);
  return `${content.byteLength} bytes of MP3, x-ignored: ${ignored}`;
}

async function speakInParts(client) {
  const answer = await client.audio.speech.create({
    model: "TTS-1",
    voice: "Alloy",
    input: TEXT,
    response_format: "pcm",
  });
  let parts = 0;
  let bytes = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts += 1;
    bytes += value.length;
  }
  if (bytes % 2) throw new Error("half a sample");
  return `${bytes} bytes of PCM in ${parts} parts`;
}

async function speakHalfAnEmoji(client) {
  const text = "Well done 😀".slice(0, -1);
  const answer = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: text });
  return `${(await answer.arrayBuffer()).byteLength} bytes of MP3`;
}

async function sendMore(client) {
  const answer = await client.audio.speech.create({
    model: "kokoro",
    voice: "af_heart+af_bella",
    input: TEXT,
    lang_code: "a",
    speed: null,
  });
  await answer.arrayBuffer();
  return `x-voice: ${answer.headers.get("x-voice")}, x-ignored: ${answer.headers.get("x-ignored")}`;
}

async function listModels(client) {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  const one = await client.models.retrieve("tts-1");
  if (one.id !== "tts-1") throw new Error(`found ${one.id}`);
  return names.join(", ");
}

async function seeErrors(client) {
  try {
    await client.audio.speech.create({ model: "tts-1", voice: "nobody", input: TEXT });
  } catch (error) {
    if (error instanceof OpenAI.BadRequestError) return `${error.code}, ${error.param}`;
    throw error;
  }
  throw new Error("found no error, wanted one");
}

/** A line for each thing that was tried. */
export async function tryAll(url) {
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: "none",
    maxRetries: 0,
    dangerouslyAllowBrowser: true,
  });
  const lines = [];
  const tries = [
    speakFirstExample, speakInParts, speakHalfAnEmoji, sendMore, listModels, seeErrors,
  ];
  for (const tryIt of tries) {
    try {
      lines.push(`passed  ${tryIt.name}: ${await tryIt(client)}`);
    } catch (error) {
      lines.push(`FAILED  ${tryIt.name}: ${error}`.slice(0, 160));
    }
  }
  return lines;
}

if (typeof process !== "undefined" && process.argv?.[2]) {
  console.log((await tryAll(process.argv[2])).join("\n"));
}
