/** For specs of what asks a server: they answer here. The client takes fetch when it is imported, so this is imported before. */
export const server = {
  answer: (asked: Request): Response | Promise<Response> => { throw new Error(`nobody is there for ${asked.url}`); },
};

globalThis.fetch = async (what: RequestInfo | URL) => server.answer(what instanceof Request ? what : new Request(new URL(String(what), location.origin)));
