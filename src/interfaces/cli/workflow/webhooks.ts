/** `workflow webhooks` */
import { UsageError } from '../../../composition/run-until-signal.js';
import { plain } from '../terminal.js';
import { ACTOR_OPTIONS, ACTOR_USAGE, actedBy, apiLine, COMMON_USAGE, once, oneId, write } from './api-verb.js';
import { EXIT } from './exit.js';
import { stateText } from './lines.js';

const USAGE = `Usage: workflow webhooks COMMAND [OPTIONS]
  list                    all webhooks
  get ID
  create --to ADDRESS     subscribes. The secret is shown once, and kept nowhere
         [--event TYPE]   a type, or a beginning with * at the end; may be given again; without it, all
         [--project ID] [--execution ID] [--description TEXT]   only events of these
  remove ID               nothing is sent from then on
  disable|enable ID       nothing is queued from then on; it is again
  test ID                 delivers a WebhookTested
  secret ID [--overlap-seconds N]   a new secret; the earlier ones sign beside it for so long, a day where nothing is said
  deliveries ID [--state pending|delivered|failed] [--limit N] [--cursor C]
  redeliver ID DELIVERY   sends a delivery once more
${ACTOR_USAGE}
${COMMON_USAGE}`;

const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const OPTIONS = {
  ...ACTOR_OPTIONS,
  to: text,
  event: texts,
  project: text,
  execution: text,
  description: text,
  'overlap-seconds': text,
  state: text,
  limit: text,
  cursor: text,
} as const;

type Webhook = Readonly<{ id: string; url: string; status: string; event_types: readonly string[]; queued: number }>;
type Changed = Readonly<{ id: string; webhook: Webhook | null; changed: boolean; secret?: string }>;
type Delivery = Readonly<{ id: string; state: string; event_type?: string; attempts?: unknown }>;

const ROUTE = '/api/v1/workflow/webhooks';

const webhookLine = ({ id, url, status, event_types, queued }: Webhook): string =>
  `${id}  ${stateText(status, 8)} ${plain(url)}  ${event_types.join(',') || 'all events'}  ${queued} queued`;

const deliveryLine = ({ id, state, event_type = '' }: Delivery): string =>
  `${id}  ${stateText(state, 9)} ${plain(event_type)}`;

const lineOf = (args: readonly string[]) => apiLine(USAGE, OPTIONS, args);
type Line = NonNullable<ReturnType<typeof lineOf>>;

const ACTING = Object.keys(ACTOR_OPTIONS);

/** The options that a command takes besides those of all; another one's would be ignored in silence. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  list: [],
  get: [],
  create: [...ACTING, 'to', 'event', 'project', 'execution', 'description'],
  remove: ACTING,
  disable: ACTING,
  enable: ACTING,
  test: ACTING,
  secret: [...ACTING, 'overlap-seconds'],
  deliveries: ['state', 'limit', 'cursor'],
  redeliver: [],
};

export const webhooks = async (args: readonly string[]): Promise<number> => {
  const line = lineOf(args);
  if (!line) return EXIT.done;
  const [command = '', ...rest] = line.positionals;
  const takes = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!takes)
    throw new UsageError(
      `Expected one of ${Object.keys(COMMANDS).join(', ')}, got ${JSON.stringify(command)}\n\n${USAGE}`,
    );
  const foreign = Object.keys(OPTIONS).find((option) => option in line.values && !takes.includes(option));
  if (foreign !== undefined)
    throw new UsageError(`--${foreign}: not an option of \`workflow webhooks ${command}\`\n\n${USAGE}`);
  if (command === 'list' || command === 'create') {
    if (rest.length > 0) throw new UsageError(`Expected options only, got ${rest.join(' ')}\n\n${USAGE}`);
    await (command === 'list' ? list(line) : create(line));
    return EXIT.done;
  }
  const id = oneId(rest.slice(0, 1), 'ID', USAGE);
  const more = rest.slice(1);
  if (command === 'redeliver') await redeliver(line, id, oneId(more, 'DELIVERY', USAGE));
  else if (more.length > 0) throw new UsageError(`Expected one ID, got ${rest.join(' ')}\n\n${USAGE}`);
  else await one(line, command, id);
  return EXIT.done;
};

const list = async ({ client, show }: Line): Promise<void> => {
  const found = await client.call<Readonly<{ webhooks: readonly Webhook[] }>>(ROUTE);
  show(found, found.webhooks.map(webhookLine));
};

const create = async (line: Line): Promise<void> => {
  const { to, event, project, execution, description } = line.values;
  if (to === undefined) throw new UsageError(`Expected the address as --to\n\n${USAGE}`);
  const filter = { event_types: event, project_id: project, execution_id: execution };
  await post(line, ROUTE, { url: to, description, ...filter });
};

const one = async (line: Line, command: string, id: string): Promise<void> => {
  const { client, show, values } = line;
  const route = `${ROUTE}/${id}`;
  if (command === 'get') {
    const found = await client.call<Readonly<{ webhook: Webhook | null }>>(route);
    show(found, found.webhook ? [webhookLine(found.webhook)] : []);
  } else if (command === 'deliveries') {
    const query = { state: values.state, limit: values.limit, cursor: values.cursor };
    type Page = Readonly<{ deliveries: readonly Delivery[]; next_cursor: string | null }>;
    const page = await client.call<Page>(`${route}/deliveries`, { query });
    const more = page.next_cursor === null ? [] : [`More: --cursor ${page.next_cursor}`];
    show(page, [...page.deliveries.map(deliveryLine), ...more]);
  } else if (command === 'remove') {
    const query = actedBy(values, line.connection.key);
    const removed = await client.call<Changed>(route, { method: 'DELETE', query, headers: once() });
    show(removed, [`${id} is removed`]);
  } else if (command === 'secret') {
    const given = values['overlap-seconds'];
    const overlap = given === undefined ? {} : { overlap_seconds: Number(given) };
    await post(line, `${route}/secrets`, overlap);
  } else await post(line, `${route}/${command}`, {});
};

const redeliver = (line: Line, id: string, delivery: string): Promise<void> =>
  redelivered(line, `${ROUTE}/${id}/deliveries/${delivery}/redeliver`);

/** Nobody is named in it: the route takes no fields. */
const redelivered = async ({ client, show }: Line, route: string): Promise<void> => {
  const found = await client.call<Readonly<{ delivery: Delivery }>>(route, {
    method: 'POST',
    body: {},
    headers: once(),
  });
  show(found, [deliveryLine(found.delivery)]);
};

const post = async ({ client, connection, values, show, isJson }: Line, route: string, body: object): Promise<void> => {
  const acted = { ...body, ...actedBy(values, connection.key) };
  const changed = await client.call<Changed>(route, { method: 'POST', body: acted, headers: once() });
  show(changed, changed.webhook ? [webhookLine(changed.webhook)] : [changed.id]);
  if (!isJson && changed.secret !== undefined) write(`The secret, which is shown this once: ${changed.secret}`);
};
