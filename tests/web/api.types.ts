// Checked by `npm run types`, never run: what an application may write against patchcord.d.ts.
// That patchcord.js keeps what patchcord.d.ts says is checked inside patchcord.js, by `@type` and `@implements`.
import { connect, ConnectError, RELIABLE_MESSAGE_BYTES_MAX } from '../../web/patchcord.js';
import type { Connection } from '../../web/patchcord.js';

export async function application(signal: AbortSignal): Promise<Connection> {
  const connection = await connect({
    url: new URL('http://localhost/connect?room=1'),
    timeoutMs: 5000,
    signal,
    onmessage(data, channel) {
      const size: number = typeof data === 'string' ? data.length : data.byteLength;
      const reliable: boolean = channel === 'reliable';
      return void [size, reliable];
    },
    onstate(state, detail) {
      if (state === 'open' && !detail.resumed) connection.send('hello');
      if (state === 'connecting') return void [detail.error?.code, detail.retryAt?.toFixed()];
      if (detail.cause === 'kicked') return void detail.words?.length;
      if (detail.cause === 'failed' && detail.error instanceof ConnectError) return void detail.error.lasting;
    },
  });
  const taken: boolean = connection.send('text') && connection.sendUnreliable(new Float32Array([1]));
  const took: boolean = connection.sendLatest('newest');
  await connection.delivered();
  const age: number = (connection.serverNow() ?? 0) - (connection.clockError ?? 0) - (connection.roundTripMs ?? 0);
  connection.send(new ArrayBuffer(RELIABLE_MESSAGE_BYTES_MAX));
  const openedAt: number | null = connection.timing.openedAt;
  // @ts-expect-error Only text and bytes travel.
  connection.send({ taken, openedAt, took, age });
  // @ts-expect-error The state is the library's.
  connection.state = 'open';
  // @ts-expect-error There are three channels.
  await connect({ onmessage: (_data, channel) => channel === 'newest' });
  return connection;
}

// Each option may be left out.
void connect();
