# Golden numbers for tests/analysis/test_falls.py and test_first_fall.py.
# Run: Rscript tests/analysis/r/falls.R tests/analysis/falls_data.csv
library(MASS); library(survival)
d <- read.csv(commandArgs(TRUE)[1])
d$arm <- factor(d$arm, levels = c("FW", "BW"))
options(digits = 10)
m <- glm.nb(falls_n ~ arm + clinic_id + offset(log(person_years)), data = d, control = glm.control(epsilon = 1e-12, maxit = 100))
s <- summary(m)$coefficients
cat("nb", s["armBW", 1], s["armBW", 2], "theta", m$theta, "loglik", as.numeric(logLik(m)), "\n")
p <- glm(falls_n ~ arm + clinic_id + offset(log(person_years)), family = poisson, data = d)
cat("poisson", summary(p)$coefficients["armBW", 1:2], "\n")
c1 <- coxph(Surv(days, fell) ~ arm + strata(clinic_id), data = d, ties = "efron")
cat("cox", summary(c1)$coefficients["armBW", c(1, 3)], "\n")
l <- survdiff(Surv(days, fell) ~ arm + strata(clinic_id), data = d)
cat("logrank", l$chisq, "\n")
k <- survfit(Surv(days, fell) ~ arm, data = d, conf.type = "log-log")
for (t in c(60, 120, 180)) { z <- summary(k, times = t); cat("km", t, z$surv, z$lower, z$upper, "\n") }
