/** A consistency boundary as three pure functions. Same command + same history = same events, always. */
export interface Decider<Command, State, Event> {
  readonly initialState: State;
  decide(command: Command, state: State): readonly Event[];
  evolve(state: State, event: Event): State;
}

export const fold = <State, Event>(
  { evolve, initialState }: Pick<Decider<never, State, Event>, 'evolve' | 'initialState'>,
  history: readonly Event[],
): State => history.reduce(evolve, initialState);

export type Message<Type extends string, Data> = Readonly<{
  type: Type;
  data: Readonly<Data>;
}>;

export const unreachable = (value: never): never => {
  throw new Error(`Unhandled case: ${JSON.stringify(value)}`);
};

/** What the caller may want to know beside the message; goes into the `details` of the HTTP answer. */
export type RejectionDetails = Readonly<{
  current_state?: string;
  allowed_actions?: readonly string[];
  key_id?: string;
}>;

/** A command that this execution's history does not allow. The HTTP edge turns it into 404 or 409. */
export class CommandRejected extends Error {
  constructor(
    readonly kind: 'NotFound' | 'Conflict',
    message: string,
    readonly details: RejectionDetails = {},
  ) {
    super(message);
  }
}
