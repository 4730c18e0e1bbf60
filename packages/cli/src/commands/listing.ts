/** The verbs `list` and `show`, the same for every kind of object that has a name. */
import type { ApiClient } from '../client/api-client.ts';
import type { Deadline } from '../client/deadline.ts';
import type { Context, StaleMark } from '../context.ts';
import type { Paint } from '../output/terminal.ts';
import type { Handler } from './handler.ts';
import { findStale } from './stale-lookup.ts';

/** A list as the API answers it. */
type Listed<Item> = StaleMark & { readonly items: readonly Item[] };

/** Options of a read, as the client takes them. */
interface Read {
  readonly deadline: Deadline;
  readonly query: Context['consistency'];
}

/** Where the objects of one kind come from, and how people see them. */
export interface Kind<Item extends { readonly name: string }, Detail extends { readonly name: string }> {
  /** The kind as users call it. */
  readonly kind: string;
  readonly all: (client: ApiClient, read: Read) => Promise<Listed<Item>>;
  readonly one: (client: ApiClient, read: Read & { readonly params: { readonly name: string } }) => Promise<Detail>;
  readonly table: (items: readonly Item[], paint: Paint, nowMs: number, wide: boolean) => string;
  readonly details: (item: Item | Detail, paint: Paint, nowMs: number) => string;
  /** What `show` adds below the details of an object that was read afresh. */
  readonly below?: (context: Context, item: Detail) => Promise<string>;
}

/** What is shown of a list, and the name of each of its rows when only names are wanted. */
export interface Rows<Item> {
  readonly name: (item: Item) => string;
  readonly table: (items: readonly Item[], paint: Paint, nowMs: number, wide: boolean) => string;
}

/** Shows a list. */
export function showList<Item>(context: Context, answer: Listed<Item>, { name, table }: Rows<Item>): Promise<void> {
  return context.show(answer, {
    names: answer.items.map(name),
    text: () => table(answer.items, context.paint, Date.now(), context.options.output === 'wide'),
    mark: answer,
  });
}

/** The verbs `list` and `show NAME` of one kind. */
export function readingVerbs<Item extends { readonly name: string }, Detail extends { readonly name: string }>({
  kind,
  all,
  one,
  table,
  details,
  below,
}: Kind<Item, Detail>): { readonly list: Handler<object>; readonly show: Handler<object> } {
  const read = (context: Context): Read => ({ deadline: context.requestDeadline(), query: context.consistency });
  return {
    list: async (context) => {
      await showList(context, await all(context.client, read(context)), { name: (item) => item.name, table });
    },
    show: async (context, [name = '']) => {
      if (context.options.stale === true) {
        const { item, mark } = findStale(kind, name, await all(context.client, read(context)));
        const text = () => details(item, context.paint, Date.now());
        return await context.show({ ...item, ...mark }, { names: [name], text, mark });
      }
      const item = await one(context.client, { ...read(context), params: { name } });
      const text = async () => `${details(item, context.paint, Date.now())}${(await below?.(context, item)) ?? ''}`;
      await context.show(item, { names: [item.name], text });
    },
  };
}
