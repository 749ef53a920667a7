# Makes a small synthetic OMOP Common Data Model 5.4 (https://ohdsi.github.io/CommonDataModel) to try code
# on: nobody in it has lived. A tenth of its people have type 2 diabetes, of whom most get metformin.
set.seed(20260101)
people <- 1000L
dir.create("/opt/omop", recursive = TRUE, showWarnings = FALSE)
cdm <- DBI::dbConnect(RSQLite::SQLite(), "/opt/omop/cdm.sqlite")
put <- function(name, table) DBI::dbWriteTable(cdm, name, table)
day <- function(x) format(as.Date(x, origin = "1970-01-01"))

kConcepts <- data.frame(
  concept_id = c(8507L, 8532L, 201826L, 320128L, 4329847L, 1503297L, 1308216L, 3004410L, 9202L, 44818518L),
  concept_name = c("MALE", "FEMALE", "Type 2 diabetes mellitus", "Essential hypertension",
                   "Myocardial infarction", "metformin", "lisinopril",
                   "Hemoglobin A1c/Hemoglobin.total in Blood", "Outpatient Visit", "Visit derived from EHR"),
  domain_id = c("Gender", "Gender", "Condition", "Condition", "Condition", "Drug", "Drug", "Measurement",
                "Visit", "Type Concept"),
  vocabulary_id = c("Gender", "Gender", "SNOMED", "SNOMED", "SNOMED", "RxNorm", "RxNorm", "LOINC", "Visit",
                    "Visit Type"),
  standard_concept = "S")
put("concept", kConcepts)
put("concept_ancestor", data.frame(ancestor_concept_id = kConcepts$concept_id,
                                   descendant_concept_id = kConcepts$concept_id,
                                   min_levels_of_separation = 0L, max_levels_of_separation = 0L))

person <- data.frame(person_id = seq_len(people), gender_concept_id = sample(c(8507L, 8532L), people, TRUE),
                     year_of_birth = sample(1930:2000, people, TRUE), race_concept_id = 0L,
                     ethnicity_concept_id = 0L)
put("person", person)
begin <- sample(14610:16436, people, TRUE) # 2010 to 2014
end <- pmin(begin + sample(700:4000, people, TRUE), 19357L)
put("observation_period", data.frame(observation_period_id = seq_len(people), person_id = person$person_id,
                                     observation_period_start_date = day(begin),
                                     observation_period_end_date = day(end), period_type_concept_id = 44818518L))
within_period <- function(who) begin[who] + floor(stats::runif(length(who)) * (end[who] - begin[who]))

risk <- stats::plogis((1975 - person$year_of_birth) / 12 - 2.6)
diabetic <- which(stats::runif(people) < risk / 3)
hypertensive <- which(stats::runif(people) < risk)
infarct <- which(stats::runif(people) < risk / 12 + ifelse(seq_len(people) %in% diabetic, 0.08, 0))
begun <- within_period(diabetic)
condition <- data.frame(person_id = c(diabetic, hypertensive, infarct),
                        condition_concept_id = rep(c(201826L, 320128L, 4329847L),
                                                   c(length(diabetic), length(hypertensive), length(infarct))),
                        condition_start_date = day(c(begun, within_period(hypertensive), within_period(infarct))),
                        condition_type_concept_id = 44818518L)
put("condition_occurrence", cbind(condition_occurrence_id = seq_len(nrow(condition)), condition))
treated <- which(stats::runif(length(diabetic)) < 0.8)
start <- c(pmin(begun[treated] + sample(0:60, length(treated), TRUE), end[diabetic[treated]]),
           within_period(hypertensive))
drug <- data.frame(person_id = c(diabetic[treated], hypertensive),
                   drug_concept_id = rep(c(1503297L, 1308216L), c(length(treated), length(hypertensive))),
                   drug_exposure_start_date = day(start), drug_exposure_end_date = day(start + 90),
                   drug_type_concept_id = 44818518L)
put("drug_exposure", cbind(drug_exposure_id = seq_len(nrow(drug)), drug))
measured <- sample(people, 600L)
put("measurement", data.frame(measurement_id = seq_along(measured), person_id = measured,
                              measurement_concept_id = 3004410L, measurement_date = day(within_period(measured)),
                              value_as_number = round(stats::rnorm(600L, ifelse(measured %in% diabetic, 7.8, 5.4), 0.7), 1),
                              measurement_type_concept_id = 44818518L))
put("visit_occurrence", data.frame(visit_occurrence_id = seq_len(people), person_id = person$person_id,
                                   visit_concept_id = 9202L, visit_start_date = day(begin),
                                   visit_end_date = day(begin), visit_type_concept_id = 44818518L))
dead <- which(stats::runif(people) < 0.05)
put("death", data.frame(person_id = dead, death_date = day(end[dead])))
put("cdm_source", data.frame(cdm_source_name = "Synthetic", cdm_source_abbreviation = "synthetic",
                             cdm_version = "5.4", source_description = "Random numbers; no patients."))
DBI::dbDisconnect(cdm)
Sys.chmod("/opt/omop/cdm.sqlite", "0444")
