# Golden numbers for tests/analysis/test_subgroups.py; the data are those of its `made_up`.
d <- read.csv(commandArgs(TRUE)[1]); options(digits = 10)
d$arm <- factor(d$arm, levels = c("FW", "BW"))
m <- lm(value ~ group + group:arm + baseline_value + clinic_id, data = d)
m0 <- lm(value ~ group + arm + baseline_value + clinic_id, data = d)
s <- summary(m)$coefficients
print(cbind(s[grep("arm", rownames(s)), 1:2], confint(m)[grep("arm", rownames(s)), ]))
print(anova(m0, m))
