// Which labels are kept or left out, and the way to change it.

import { dimensionText, format, labelText, messages } from "../i18n/index.js";
import { type Filter, toggled } from "../state/address.js";
import { filterable } from "../state/measures.js";
import { show, view } from "../state/view.js";
import type { CampaignSummary } from "../wire/tacita/v1/reporting_pb.js";
import { Disclosure } from "./disclosure.js";
import { Icon } from "./icon.js";

export function Filters({ campaign }: { campaign: CampaignSummary }) {
  const m = messages.value;
  const { filters } = view.value;
  const set = (changed: readonly Filter[]) => show({ filters: changed });
  const possible = filterable(
    campaign.measures,
    campaign.publishers,
    campaign.declaration?.categories.map(({ name }) => name) ?? [],
  );
  const of = (dimension: string) => filters.find((filter) => filter.dimension === dimension);
  const described = ({ dimension, values, exclude }: Filter) =>
    `${dimensionText(dimension)} ${exclude ? m.bar.isNot : m.bar.is} ${format.value.either(values.map((value) => labelText(dimension, value)))}`;
  return (
    <>
      <Disclosure
        label={m.bar.filter}
        face={
          <>
            <Icon name="plus" /> {m.bar.filter}
          </>
        }
        class="filter-button"
      >
        {() => (
          <div class="filter-sheet">
            {[...possible].map(([dimension, labels]) => (
              <details key={dimension} open={Boolean(of(dimension))}>
                <summary>{dimensionText(dimension)}</summary>
                <div class="choices">
                  {labels.map((label) => (
                    <label key={label} class="check">
                      <input
                        type="checkbox"
                        checked={of(dimension)?.values.includes(label) ?? false}
                        onChange={() => set(toggled(filters, dimension, label))}
                      />{" "}
                      <span>{labelText(dimension, label)}</span>
                    </label>
                  ))}
                </div>
                {of(dimension) && (
                  <label class="check exclude">
                    <input
                      type="checkbox"
                      checked={of(dimension)!.exclude}
                      onChange={(event) =>
                        set(
                          filters.map((filter) =>
                            filter.dimension === dimension
                              ? { ...filter, exclude: event.currentTarget.checked }
                              : filter,
                          ),
                        )
                      }
                    />{" "}
                    <span>{m.bar.exclude}</span>
                  </label>
                )}
              </details>
            ))}
          </div>
        )}
      </Disclosure>
      {filters.map((filter) => (
        <span key={filter.dimension} class="chip">
          {described(filter)}
          <button
            type="button"
            aria-label={m.bar.remove(described(filter))}
            onClick={() => set(filters.filter((other) => other !== filter))}
          >
            <Icon name="close" />
          </button>
        </span>
      ))}
      {filters.length > 1 && (
        <button type="button" class="plain" onClick={() => set([])}>
          {m.bar.clear}
        </button>
      )}
    </>
  );
}
