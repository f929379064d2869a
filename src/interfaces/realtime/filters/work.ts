/** What a test of a row costs, reported while it goes on: about as many steps as a matcher takes. May throw to end it. */
export type Spend = (steps: number) => void;

export const forFree: Spend = () => undefined;
