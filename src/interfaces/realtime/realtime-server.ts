/** The Realtime protocol of Supabase for changes of the read tables, on the HTTP server of the application. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { RowChange, RowChanges, TableColumn, JsonRow } from '../../application/live/row-changes.js';
import type { OnError } from '../../application/runtime/errors.js';
import type { Json } from '../../domain/json.js';
import { clientOf } from '../http/server/client.js';
import { maySee, type Opening, type RealtimeAccess } from './access.js';
import { apikeyOf, countSocket, refusalOf, type Admission, type Refusal, handBack, refuse } from './admission.js';
import { Connection, type Channel } from './connection.js';
import { FilterBudget, TooMuchWork } from './filter-budget.js';
import { vsnOf, type Vsn, encodeWritten } from './frames.js';
import type { RealtimeLimits } from './limits.js';
import { RowProjects } from './row-projects.js';
import { Subscriptions, type Metering } from './subscriptions.js';
import { type Binding, SCHEMA } from './binding.js';

/** A row that is too large is sent without the columns that are longer than this, as JSON. */
const SMALL_COLUMN = 64;

/**
 * `data` of a message `postgres_changes`, as JSON. Of the row before an UPDATE or DELETE the key is known, as with the
 * replica identity that tables have by default.
 * @param select columns besides the key; null: all
 */
const changePayload = (
  { table, type, key, record, at }: RowChange,
  columns: readonly TableColumn[],
  select: readonly string[] | null,
  limits: Readonly<{ recordBytes: number }>,
): string => {
  const isSent = (name: string) => select === null || select.includes(name) || name in key;
  const picked =
    record && select ? Object.fromEntries(Object.entries(record).filter(([name]) => isSent(name))) : record;
  const payload = {
    schema: SCHEMA,
    table,
    type,
    commit_timestamp: at,
    columns: columns.filter(({ name }) => isSent(name)).map(({ name, type }) => ({ name, type })),
    errors: null,
    ...(picked ? { record: picked } : {}),
    ...(type === 'INSERT' ? {} : { old_record: key }),
  };
  const whole = JSON.stringify(payload);
  if (!picked || Buffer.byteLength(whole) <= limits.recordBytes) return whole;
  return JSON.stringify({ ...payload, record: smallColumns(picked), errors: ['Error 413: Payload Too Large'] });
};

const smallColumns = (record: JsonRow): Json =>
  Object.fromEntries(
    Object.entries(record).filter(([, value]) => Buffer.byteLength(JSON.stringify(value)) <= SMALL_COLUMN),
  );

/** Sends a change to the clients whose bindings it passes. A message that is the same for several clients is written once. */
const fanOut = (
  change: RowChange,
  subscriptions: Subscriptions<Channel>,
  columns: readonly TableColumn[],
  limits: RealtimeLimits,
  metering: Metering<Channel>,
): void => {
  const payloads = new Map<string, string>();
  const frames = new Map<string, Buffer>();
  for (const [channel, bindings] of subscriptions.of(change, change.record ?? change.key, metering)) {
    const { connection, topic } = channel;
    for (const [selected, { select, ids }] of bySelection(bindings)) {
      const key = JSON.stringify([connection.vsn, topic, ids, selected]);
      let frame = frames.get(key);
      if (!frame) {
        const data = kept(payloads, selected, () => changePayload(change, columns, select, limits));
        // A message with all columns is made once for all clients; a client that selects columns in a hundred ways pays for a hundred.
        if (select && !charge(metering, channel, data.length >> WRITTEN)) break;
        const payload = `{"ids":[${ids.join()}],"data":${data}}`;
        frame = Buffer.from(encodeWritten(connection.vsn, topic, 'postgres_changes', payload));
        frames.set(key, frame);
      }
      connection.send(frame);
    }
  }
};

/** Writing so many times two characters is a step. */
const WRITTEN = 3;

/** @returns false where that was too much */
const charge = ({ spendFor, end }: Metering<Channel>, channel: Channel, steps: number): boolean => {
  try {
    spendFor(channel)(steps);
    return true;
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    end(channel, error.message);
    return false;
  }
};

type Selection = Readonly<{ select: readonly string[] | null; ids: number[] }>;

/** Bindings of one client that want the same columns share a message. */
const bySelection = (bindings: readonly Binding[]): ReadonlyMap<string, Selection> => {
  const groups = new Map<string, Selection>();
  for (const { select, id } of bindings)
    kept(groups, select?.join() ?? '*', (): Selection => ({ select, ids: [] })).ids.push(id);
  return groups;
};

const kept = <T>(map: Map<string, T>, key: string, make: () => T): T => {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
};

export const REALTIME_PATH = '/realtime/v1/websocket';
const GOING_AWAY = 1001;
/** The library answers this itself, where the rest of a handshake is not right. */
const INVALID_HANDSHAKE = 400;
const SWITCHED = 101;

/** Logs a request for a connection. @returns logs the status of its answer */
type NoteUpgrade = (request: IncomingMessage, socket: Duplex) => (status: number) => void;

export class RealtimeServer {
  private readonly sockets: WebSocketServer;
  private readonly connections = new Set<Connection>();
  private readonly subscriptions = new Subscriptions<Channel>();
  private readonly budget: FilterBudget<Connection>;
  /** Clients that are about to be connections. */
  private waiting = 0;
  private isStopping = false;
  private end: () => void = () => undefined;

  constructor(
    private readonly changes: RowChanges,
    private readonly limits: RealtimeLimits,
    private readonly onError: OnError,
    private readonly admission: Admission,
    private readonly note: NoteUpgrade = () => () => undefined,
    /** Null where nobody is asked. */
    private readonly access: RealtimeAccess | null = null,
  ) {
    const end = (connection: Connection, why: string) => connection.endForTooMuchWork(why);
    this.budget = new FilterBudget(limits, () => performance.now(), end);
    this.sockets = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: limits.frameBytes });
  }

  /** To be called once changes are announced. */
  start(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.upgrade(server, request, socket, head));
    const metering = {
      spendFor: ({ connection }: Channel) => this.budget.spendFor(connection),
      end: ({ connection }: Channel, why: string) => connection.endForTooMuchWork(why),
    };
    const columnsOf = ({ table }: RowChange) => this.changes.tables().get(table) ?? [];
    const send = (change: RowChange, metering: Metering<Channel>) =>
      fanOut(change, this.subscriptions, columnsOf(change), this.limits, metering);
    const projects = this.rowProjects((change, projectId) =>
      send(change, {
        ...metering,
        maySee: ({ principal }) => principal === null || maySee(principal, change.table, projectId),
      }),
    );
    const unfollow = this.changes.follow({
      changed: (change) => {
        if (!this.subscriptions.follows(change.table)) return;
        if (projects) projects.take(change);
        else send(change, metering);
      },
      missed: (why) => {
        projects?.forget();
        this.missed(why);
      },
    });
    const looking = setInterval(
      () => this.connections.forEach((connection) => connection.checkTimeouts()),
      this.limits.lookMs,
    );
    this.end = () => {
      clearInterval(looking);
      unfollow();
    };
  }

  /** Sends all clients elsewhere. Resolves when they are gone, at the latest after `closeMs`. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.end();
    for (const connection of this.connections) connection.close(GOING_AWAY, 'The server is going away');
    const closed = Promise.all([...this.connections].map((connection) => connection.closed));
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, this.limits.closeMs).unref())]);
    for (const connection of this.connections) connection.cutOff();
  }

  private upgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = urlOf(request);
    const isOurs = url?.pathname === REALTIME_PATH && request.headers.upgrade?.toLowerCase() === 'websocket';
    if (!isOurs) return handBack(server, request, socket, head);
    const answered = this.note(request, socket);
    const vsn = vsnOf(url.searchParams.get('vsn'));
    const refusal =
      refusalOf(request, url, this.admission) ?? this.refusal(vsn) ?? countSocket(request, socket, this.admission);
    if (!refusal && vsn) return void this.accept(request, socket, head, vsn, answered);
    answered((refusal ?? UNKNOWN_VERSION).status);
    refuse(socket, refusal ?? UNKNOWN_VERSION);
  }

  /** Changes are announced before a client can ask for any. */
  private async accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    vsn: Vsn,
    answered: (status: number) => void,
  ): Promise<void> {
    const interest = this.changes.interest([...this.changes.tables().keys()]);
    const leave = () => interest.end();
    this.waiting += 1;
    socket.on('error', leave).once('close', leave);
    await interest.begun;
    this.waiting -= 1;
    if (socket.destroyed) return leave();
    answered(this.isStopping ? STOPPING.status : INVALID_HANDSHAKE);
    if (this.isStopping) return refuse(socket, STOPPING);
    this.sockets.handleUpgrade(request, socket, head, (opened) => {
      answered(SWITCHED);
      this.open(opened, socket, vsn, openingOf(request));
    });
  }

  /** Null where everyone may see all. */
  private rowProjects(emit: (change: RowChange, projectId: string | null) => void): RowProjects | null {
    if (!this.access) return null;
    const { projectsOf } = this.access;
    return new RowProjects({ projectsOf, emit, missed: (why) => this.missed(why), onError: this.onError });
  }

  private refusal(vsn: Vsn | undefined): Refusal | undefined {
    if (!vsn) return UNKNOWN_VERSION;
    if (this.isStopping) return STOPPING;
    if (this.connections.size + this.waiting < this.limits.connections) return undefined;
    return { status: 503, code: 'UNAVAILABLE', message: `There are ${this.limits.connections} connections already.` };
  }

  private open(socket: WebSocket, wire: Duplex, vsn: Vsn, opening: Opening): void {
    const { changes, subscriptions, budget, limits, onError } = this;
    const dependencies = {
      tables: () => changes.tables(),
      subscriptions,
      budget,
      limits,
      access: this.access,
      onError,
      now: () => performance.now(),
    };
    const connection = new Connection(socket, wire, vsn, opening, dependencies);
    this.connections.add(connection);
    socket.on('close', () => this.connections.delete(connection));
  }

  private missed(why: string): void {
    for (const connection of this.connections)
      connection.askToRejoin(`${why}: changes may have been missed. Join again, and read again.`);
  }
}

const BASE = 'http://localhost';
const urlOf = ({ url = '' }: IncomingMessage): URL | undefined =>
  URL.canParse(url, BASE) ? new URL(url, BASE) : undefined;
const STOPPING: Refusal = { status: 503, code: 'UNAVAILABLE', message: 'The server is going away.' };
const UNKNOWN_VERSION: Refusal = {
  status: 400,
  code: 'INVALID_REQUEST',
  message: 'Expected vsn to be 1.0.0 or 2.0.0.',
};

const openingOf = (request: IncomingMessage): Opening => ({
  apikey: apikeyOf(request, urlOf(request)),
  cookie: request.headers.cookie,
  address: clientOf(request).address,
});
