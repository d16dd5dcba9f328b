// Runs in the audio thread: passes on what the microphone hears.
export {};

declare abstract class AudioWorkletProcessor { readonly port: MessagePort; }
declare function registerProcessor(name: string, kind: new () => AudioWorkletProcessor): void;

class Recorder extends AudioWorkletProcessor {
  process(inputs: Float32Array[][]): boolean {
    const heard = inputs[0]?.[0];
    if (heard) this.port.postMessage(heard.slice(0));
    return true;
  }
}
registerProcessor("recorder", Recorder);
