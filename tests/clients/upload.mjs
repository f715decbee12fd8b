// One upload by tus-js-client. Its options come as JSON in the first argument; what to do comes as
// words on standard input, what happens goes as lines of JSON to standard output.

import { createInterface } from 'node:readline';
import { Upload } from 'tus-js-client';

const { bytes, ...options } = JSON.parse(process.argv[2]);
const say = (event, told = {}) => process.stdout.write(`${JSON.stringify({ event, ...told })}\n`);

const upload = new Upload(Buffer.alloc(bytes, 'x'), {
  retryDelays: [0, 500, 1000, 2000],
  ...options,
  onUploadUrlAvailable: () => say('created', { url: upload.url }),
  onProgress: (sent) => say('progress', { sent }),
  onSuccess: () => say('finished', { url: upload.url }),
  onError: (error) => say('failed', { message: error.message }),
});

const commands = {
  start: () => upload.start(),
  pause: () => upload.abort().then(() => say('paused')),
  terminate: () => upload.abort(true).then(() => say('terminated')),
};

createInterface({ input: process.stdin })
  .on('line', (word) => commands[word]())
  .on('close', () => process.exit());
upload.start();
