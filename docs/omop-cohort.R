# A cohort analysis on an OMOP CDM: people with type 2 diabetes who begin metformin within half a year of
# their first diagnosis, and the time until a first myocardial infarction. Written for the recipe omop, whose
# synthetic CDM has no patients in it; with DBI::dbConnect() to another one it is the same analysis.
library(DBI)
library(dplyr, warn.conflicts = FALSE)
library(survival)
cdm <- dbConnect(RSQLite::SQLite(), "/opt/omop/cdm.sqlite", flags = RSQLite::SQLITE_RO)

kDiabetes <- 201826L
kMetformin <- 1503297L
kInfarction <- 4329847L

first_condition <- function(concept, name) {
  tbl(cdm, "concept_ancestor") |>
    filter(ancestor_concept_id == concept) |>
    inner_join(tbl(cdm, "condition_occurrence"), by = c(descendant_concept_id = "condition_concept_id")) |>
    group_by(person_id) |>
    summarise({{ name }} := min(condition_start_date, na.rm = TRUE))
}

people <- first_condition(kDiabetes, diagnosed) |>
  inner_join(tbl(cdm, "observation_period"), by = "person_id") |>
  inner_join(tbl(cdm, "person"), by = "person_id") |>
  left_join(tbl(cdm, "drug_exposure") |>
              filter(drug_concept_id == kMetformin) |>
              group_by(person_id) |>
              summarise(metformin = min(drug_exposure_start_date, na.rm = TRUE)), by = "person_id") |>
  left_join(first_condition(kInfarction, infarction), by = "person_id") |>
  collect() |>
  mutate(across(c(diagnosed, metformin, infarction, observation_period_end_date), as.Date),
         treated = !is.na(metformin) & metformin <= diagnosed + 180,
         age = as.integer(format(diagnosed, "%Y")) - year_of_birth,
         end = pmin(observation_period_end_date, infarction, na.rm = TRUE),
         event = !is.na(infarction) & infarction <= observation_period_end_date,
         years = as.numeric(end - diagnosed) / 365.25) |>
  filter(years > 0)

cat(nrow(people), "people in the cohort,", sum(people$treated), "of them treated,",
    sum(people$event), "infarctions\n")
print(coxph(Surv(years, event) ~ treated + age, data = people))
plot(survfit(Surv(years, event) ~ treated, data = people), col = c("grey40", "steelblue"), lwd = 2,
     xlab = "Years since the diagnosis", ylab = "Without infarction", ylim = c(0.5, 1))
legend("bottomleft", c("no metformin", "metformin"), col = c("grey40", "steelblue"), lwd = 2, bty = "n")
dbDisconnect(cdm)
