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
