// Speaks a text over the WebSocket, and says all the while which of its characters are being said.

const RATE = 24000; // of `pcm`, in Hz
const FULL_SCALE = 32768; // of 16 bits
const HEAD_START_S = 0.1; // before the first sound, for the next one to be there in time

/**
 * Plays a text with the server at `url`; resolves when the last of it was played.
 *
 * onPlace(start, end): characters that are being said, from start to before end. They count as
 * Array.from(text) does: an emoji is one. Called when they change, with null and null at the end.
 * onUnreadable(list): what no voice can say, each with `text`, `kind`, `start_char`, `end_char`.
 */
export async function speak(url, text, { voice = "alloy", onPlace, onUnreadable = () => {} }) {
  const query = new URLSearchParams({ voice, response_format: "pcm" });
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/audio/speech?${query}`);
  socket.binaryType = "arraybuffer";
  const player = new Player();
  const words = [];
  const arrived = new Promise((resolve, reject) => {
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "append", text }));
      socket.send(JSON.stringify({ type: "flush" }));
    };
    socket.onclose = () => reject(new Error("found a closed connection, wanted the whole text"));
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") {
        player.add(data);
        return;
      }
      const message = JSON.parse(data);
      if (message.type === "words") words.push(...message.words);
      if (message.type === "unreadable") onUnreadable(message.unreadable);
      if (message.type === "error") reject(new Error(message.error.message));
      if (message.type === "done") resolve();
    };
  });
  const marker = new Marker(player, words, onPlace);
  try {
    await arrived;
    await player.end();
  } finally {
    marker.stop();
    socket.onclose = null;
    socket.close();
    player.close();
  }
}

/** Plays parts of raw PCM one after the other. */
class Player {
  constructor() {
    this.context = new AudioContext({ sampleRate: RATE });
    this.begins = null; // when the first part plays, by the clock of the context
    this.ends = 0; // when the last part ends
  }

  /** Seconds of the text that were played. */
  get played() {
    return this.begins === null ? -1 : this.context.currentTime - this.begins;
  }

  add(bytes) {
    const samples = Float32Array.from(new Int16Array(bytes), (code) => code / FULL_SCALE);
    const buffer = this.context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    this.wait();
    source.start(this.ends);
    this.ends += buffer.duration;
  }

  /** Put off what follows where the part before it has been played already. */
  wait() {
    const now = this.context.currentTime;
    if (this.begins === null) {
      this.begins = now + HEAD_START_S;
      this.ends = this.begins;
    } else if (this.ends < now) {
      this.begins += now - this.ends;
      this.ends = now;
    }
  }

  async end() {
    const left = Math.max(0, this.ends - this.context.currentTime);
    await new Promise((resolve) => setTimeout(resolve, left * 1000));
  }

  close() {
    this.context.close();
  }
}

/** Looks at each frame of the screen which word is being said. */
class Marker {
  constructor(player, words, onPlace) {
    this.player = player;
    this.words = words;
    this.onPlace = onPlace;
    this.begun = 0; // words
    this.request = requestAnimationFrame(() => this.look());
  }

  look() {
    const before = this.begun;
    while (this.begun < this.words.length && this.words[this.begun].start <= this.player.played) {
      this.begun += 1;
    }
    const word = this.words[this.begun - 1];
    // A word whose place is not clear leaves the mark where it is.
    if (this.begun > before && word.start_char !== null) {
      this.onPlace(word.start_char, word.end_char);
    }
    this.request = requestAnimationFrame(() => this.look());
  }

  stop() {
    cancelAnimationFrame(this.request);
    this.onPlace(null, null);
  }
}
