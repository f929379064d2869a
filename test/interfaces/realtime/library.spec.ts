/** Supabase's own library, in both versions of the protocol, against changes that the test tells. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { postgresChangesFilter, RealtimeClient, type RealtimeChannel } from '@supabase/supabase-js';
import { WebSocket } from 'ws';
import { createClient } from '@/lib/supabase/client';
import { DEFAULT_REALTIME_LIMITS } from '../../../src/interfaces/realtime/limits.js';
import { RealtimeServer } from '../../../src/interfaces/realtime/realtime-server.js';
import { eventually } from '../../support/eventually.js';
import { letGo } from '../../support/let-go.js';
import { ID, ToldChanges } from './support/told-changes.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- messages whose shape is what the tests assert */

const UPDATES = { event: 'UPDATE', schema: 'public', table: 'workflow_executions' } as const;
const fail = (message: string, error: unknown) => {
  throw new Error(message, { cause: error });
};
const changes = new ToldChanges();
const http = createServer();
const realtime = new RealtimeServer(changes, DEFAULT_REALTIME_LIMITS, fail, {
  isKnownHost: () => true,
  isKnownOrigin: () => true,
  apiKey: 'the key',
});
let url = '';

beforeAll(async () => {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  realtime.start(http);
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await realtime.stop();
  http.close();
});

const isSubscribed = (channel: RealtimeChannel) => {
  const systems: any[] = [];
  channel.on('system', {}, (message) => systems.push(message)).subscribe();
  return eventually(() => systems[0] ?? false);
};

describe.each(['1.0.0', '2.0.0'])('version %s', (vsn) => {
  let client: RealtimeClient;
  beforeEach(() => {
    const transport = WebSocket as unknown as typeof globalThis.WebSocket;
    client = new RealtimeClient(`${url}/realtime/v1`, { params: { apikey: 'the key' }, transport, vsn });
  });
  afterEach(() => letGo(client));

  test('changes come to whom they were asked for by, each once, as values of JavaScript', async () => {
    const seen: Record<string, any[]> = { first: [], same: [], other: [], built: [] };
    const note = (name: string) => (payload: any) => void seen[name]!.push(payload);
    const channel = client
      .channel('room')
      .on('postgres_changes', { ...UPDATES, filter: `id=eq.${ID}` }, note('first'))
      .on('postgres_changes', { ...UPDATES, filter: `id=eq.${ID}` }, note('same'))
      .on('postgres_changes', { ...UPDATES, filter: 'percent_complete=gt.50' }, note('other'))
      .on(
        'postgres_changes',
        { ...UPDATES, filter: postgresChangesFilter().in('current_state', ['a,b', 'writing']) },
        note('built'),
      );
    expect(await isSubscribed(channel)).toMatchObject({ status: 'ok', message: 'Subscribed to PostgreSQL' });
    changes.tell({});
    await eventually(() => seen['built']!.length === 1);
    expect(Object.values(seen).map((payloads) => payloads.length)).toEqual([1, 1, 0, 1]);
    expect(seen['first']![0]).toEqual({
      schema: 'public',
      table: 'workflow_executions',
      commit_timestamp: '2026-11-23T07:00:00.123Z',
      eventType: 'UPDATE',
      new: { id: ID, current_state: 'writing', percent_complete: 40, metadata: {} },
      old: { id: ID },
      errors: null,
    });
  });

  test('a filter that cannot be used is answered by a system message', async () => {
    const channel = client
      .channel('room')
      .on('postgres_changes', { ...UPDATES, filter: 'colour=eq.red' }, () => undefined);
    expect(await isSubscribed(channel)).toMatchObject({
      status: 'error',
      message: expect.stringContaining('invalid column for filter colour'),
    });
  });

  test('what is not here is answered politely', async () => {
    const synced: unknown[] = [];
    const config = { broadcast: { ack: true }, presence: { key: 'me' }, private: true };
    const channel = client.channel('room', { config }).on('presence', { event: 'sync' }, () => synced.push(1));
    const joined = new Promise((resolve) => channel.subscribe(resolve));
    expect(await joined).toBe('SUBSCRIBED');
    await eventually(() => synced.length === 1);
    expect(channel.presenceState()).toEqual({});
    expect(await channel.track({ online: true })).toBe('ok');
    expect(await channel.send({ type: 'broadcast', event: 'hi', payload: { a: 1 } })).toBe('ok');
    expect(await channel.unsubscribe()).toBe('ok');
  });
});

test('the client of this package knows where to go', () => {
  const at = (client: ReturnType<typeof createClient>) => client.realtime.endpointURL();
  expect(at(createClient())).toBe('ws://127.0.0.1:3000/realtime/v1/websocket?apikey=anon&vsn=2.0.0');
  expect(at(createClient('https://x.supabase.co', 'k'))).toBe(
    'wss://x.supabase.co/realtime/v1/websocket?apikey=k&vsn=2.0.0',
  );
  process.env['NEXT_PUBLIC_SUPABASE_URL'] = 'https://y.supabase.co';
  process.env['SUPABASE_ANON_KEY'] = 'j';
  try {
    expect(at(createClient())).toBe('wss://y.supabase.co/realtime/v1/websocket?apikey=j&vsn=2.0.0');
  } finally {
    delete process.env['NEXT_PUBLIC_SUPABASE_URL'];
    delete process.env['SUPABASE_ANON_KEY'];
  }
});
