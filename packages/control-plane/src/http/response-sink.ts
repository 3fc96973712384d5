import type { ServerResponse } from 'node:http';
import type { Sink } from '../feed/follower.ts';

/** A response as a sink of events. An error on it ends in its `close` event. */
export function responseSink(response: ServerResponse): Sink {
  response.on('error', () => {});
  return {
    write: frame => {
      if (!response.destroyed) response.write(frame);
    },
    get bufferedBytes() {
      return response.writableLength;
    },
    drained: () =>
      new Promise(resolve => {
        if (response.destroyed || response.writableLength === 0) return resolve();
        const done = () => {
          response.off('drain', done).off('close', done);
          resolve();
        };
        response.on('drain', done).on('close', done);
      }),
    end: () => {
      response.end();
    },
    destroy: () => {
      response.destroy();
    },
  };
}
