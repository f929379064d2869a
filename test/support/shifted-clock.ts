/** The environment of a process, and of its threads, whose machine's clock is that much ahead. */
export const shiftedClock = (ms: number): Readonly<Record<string, string>> => {
  const program = `const now=Date.now;const It=Date;Date.now=()=>now()+${ms};globalThis.Date=new Proxy(It,{construct:(of,given,as)=>Reflect.construct(of,given.length===0?[now()+${ms}]:given,as)})`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(program)}` };
};
