# Golden numbers for tests/analysis/test_mmrm_small.py: Kenward-Roger with 30 participants, some visits missing.
# Made by R 4.2.2 with lme4 1.1-31 and pbkrtest 0.5.2. A random intercept is compound symmetry, as long as its variance is above zero.
# Run: Rscript tests/analysis/r/mmrm_small.R tests/analysis/mmrm_small_data.csv
library(lme4); library(pbkrtest)
options(digits = 12, contrasts = c("contr.treatment", "contr.poly"))
d <- read.csv(commandArgs(TRUE)[1])
d <- d[!is.na(d$y), ]
d$arm <- factor(d$arm, levels = c("FW", "BW")); d$visit <- factor(d$visit)
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 1e-3, rhoend = 1e-12, maxfun = 1e5))
m <- lmer(y ~ arm * visit + baseline * visit + (1 | participant_id), data = d, REML = TRUE, control = tight)
variance <- as.data.frame(VarCorr(m))$vcov
cat("rows", nrow(d), "people", length(unique(d$participant_id)), "\n")
cat("-2 log REML", -2 * as.numeric(logLik(m)), "between", variance[1], "within", variance[2], "\n")
adjusted <- vcovAdj(m)
names <- names(fixef(m))
for (v in levels(d$visit)) {
  row <- as.numeric(names == "armBW") + as.numeric(names == paste0("armBW:visit", v))
  cat("visit", v, "estimate", sum(row * fixef(m)), "se", sqrt(drop(row %*% as.matrix(adjusted) %*% row)), "df", Lb_ddf(row, vcov(m), adjusted), "\n")
}
joint <- t(sapply(2:4, function(v) as.numeric(names == paste0("armBW:visit", v))))
k <- KRmodcomp(m, joint)
cat("joint F", k$test["Ftest", "stat"], "df", k$test["Ftest", "ddf"], "scaling", k$test["Ftest", "F.scaling"], "\n")
