import { dimensionText, messages } from "../i18n/index.js";
import { CompareContents } from "../panels/compare-contents.js";
import { Ranking } from "../panels/ranking.js";
import { Select } from "../parts/select.js";
import { type Scope, topContents } from "../state/questions.js";
import { show } from "../state/view.js";

const TOPS = ["10", "25", "50", "100"];

/** Which contents were shared. */
export function Contents({ scope }: { scope: Scope }) {
  const m = messages.value;
  const { form } = scope.view;
  const top = TOPS.find((top) => top === form.top) ?? TOPS[0]!;
  const categories = scope.campaign.declaration?.categories.length ?? 0;
  return (
    <>
      <Ranking
        title={m.contents.title}
        about={m.contents.about}
        name="contents"
        dimension="content"
        asked={topContents(scope, Number(top), "content")}
        needs={m.contents.needs}
        tools={
          <Select
            label={m.contents.show}
            options={TOPS.map((top) => [top, top])}
            chosen={top}
            onChoose={(top) => show({ form: { ...form, top } })}
          />
        }
      />
      {categories > 0 && (
        <Ranking
          title={m.contents.categoriesTitle}
          about={m.contents.categoriesAbout}
          name="categories"
          dimension="category"
          asked={topContents(scope, 0, "category")}
          needs={dimensionText("category")}
          sorted
        />
      )}
      <CompareContents scope={scope} top={Number(top)} />
    </>
  );
}
